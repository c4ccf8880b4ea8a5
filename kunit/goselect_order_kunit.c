// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - memory order of what moves by select
 *
 * The data lies beside the channel, in plain memory; only the channel orders
 * the accesses. Elements of size 0 carry nothing but order. Either side uses
 * plain operations, a select that sleeps, or one that tries again and again; so
 * messages are handed to sleepers, taken from sleepers, and buffered.
 */

#include <linux/slab.h>

#include "goselect_kunit.h"

enum order_way {
	PLAIN,
	SLEEPS,
	TRIES,
};

static const char * const way_names[] = {
	[PLAIN] = "plain",
	[SLEEPS] = "select",
	[TRIES] = "try",
};

struct order_ways {
	enum order_way sender;
	enum order_way receiver;
};

static const struct order_ways order_ways[] = {
	{ PLAIN, SLEEPS }, { SLEEPS, PLAIN }, { SLEEPS, SLEEPS },
	{ PLAIN, TRIES }, { TRIES, PLAIN }, { TRIES, SLEEPS },
	{ SLEEPS, TRIES }, { TRIES, TRIES },
};

static void order_desc(const struct order_ways *ways, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s to %s",
		 way_names[ways->sender], way_names[ways->receiver]);
}

KUNIT_ARRAY_PARAM(order, order_ways, order_desc);

/* More than what one side may be ahead of the other. */
#define ORDER_SLOTS	8

struct order {
	const struct order_ways *ways;
	size_t size;
	struct gochan *ch;
	struct gochan *quiet;
	u64 count;
	u64 there[ORDER_SLOTS];
	u64 back[ORDER_SLOTS];
	u64 stale_there;
	u64 stale_back;
};

static int order_try(struct gct_thread *thread, struct goselect_case *c,
		     unsigned int n)
{
	unsigned int spins = 0;
	int at;

	for (;;) {
		at = goselect_try(c, n);
		if (at != -EAGAIN || gct_stopping(thread))
			return at;
		gct_relax(&spins);
	}
}

/* One operation. The quiet channel is never ready in either direction. */
static int order_do(struct gct_thread *thread, bool send, void *val)
{
	struct order *order = thread->arg;
	enum order_way way = send ? order->ways->sender : order->ways->receiver;
	u64 other = 0;
	struct goselect_case c[] = {
		GOSELECT_RECV(order->quiet, &other),
		send ? GOSELECT_SEND(order->ch, val) :
		       GOSELECT_RECV(order->ch, val),
	};
	int at;

	if (way == PLAIN)
		return send ? gochan_send(order->ch, val) :
			      gochan_recv(order->ch, val, NULL);
	at = way == SLEEPS ? goselect(c, ARRAY_SIZE(c)) :
			     order_try(thread, c, ARRAY_SIZE(c));
	return at == 1 ? 0 : at ?: -EILSEQ;
}

/*
 * The n-th send happens before the completion of the n-th receive, and the
 * n-th receive before the completion of the (n + cap)-th send.
 */
static int order_send_fn(struct gct_thread *thread)
{
	struct order *order = thread->arg;
	u64 n, cap = gochan_cap(order->ch);

	for (n = 1; n <= order->count; n++) {
		u64 heard = n - cap, val = n;
		int err;

		order->there[n % ORDER_SLOTS] = n;
		err = order_do(thread, true, &val);
		if (err)
			return err;
		if (n > cap && order->back[heard % ORDER_SLOTS] != heard)
			order->stale_back++;
	}
	return 0;
}

static int order_recv_fn(struct gct_thread *thread)
{
	struct order *order = thread->arg;
	u64 n, val = 0;

	for (n = 1; n <= order->count; n++) {
		int err;

		order->back[n % ORDER_SLOTS] = n;
		err = order_do(thread, false, &val);
		if (err)
			return err;
		if (order->there[n % ORDER_SLOTS] != n ||
		    (order->size && val != n))
			order->stale_there++;
	}
	return 0;
}

static bool only_tries(const struct order_ways *ways)
{
	return ways->sender == TRIES && ways->receiver == TRIES;
}

static void order_on(struct kunit *test, size_t size, size_t cap)
{
	struct order *order = kunit_kzalloc(test, sizeof(*order), GFP_KERNEL);
	struct gct_thread *sender, *receiver;

	KUNIT_ASSERT_NOT_NULL(test, order);
	order->ways = test->param_value;
	order->size = size;
	order->ch = gct_chan(test, size, cap);
	order->quiet = gct_chan(test, sizeof(u64), 0);
	/* On one processor, two that only try take turns at its ticks. */
	order->count = gochan_scaled(only_tries(order->ways) &&
				     num_online_cpus() == 1 ? 100 : 10000);
	receiver = gct_start(test, order_recv_fn, order);
	sender = gct_start(test, order_send_fn, order);
	KUNIT_EXPECT_EQ(test, 0, gct_join(test, sender));
	KUNIT_EXPECT_EQ(test, 0, gct_join(test, receiver));
	KUNIT_EXPECT_EQ_MSG(test, order->stale_there, 0ULL,
			    "capacity %zu, size %zu", cap, size);
	KUNIT_EXPECT_EQ_MSG(test, order->stale_back, 0ULL,
			    "capacity %zu, size %zu", cap, size);
	GCT_EXPECT_STAT(test, order->quiet, 0, 0, 0, false);
}

static void order_of_published_data(struct kunit *test)
{
	const struct order_ways *ways = test->param_value;
	size_t cap;

	for (cap = 0; cap <= 3; cap++) {
		/* Two that only try never meet without a buffer. */
		if (!cap && only_tries(ways))
			continue;
		order_on(test, 0, cap);
		order_on(test, sizeof(u64), cap);
	}
}

/* A close happens before a receive that reports the end. */

struct ending {
	struct gochan *ch[2];
	u64 round;
	u64 data;
	u64 stale;
};

static int ending_fn(struct gct_thread *thread)
{
	struct ending *e = thread->arg;
	struct goselect_case c[] = {
		GOSELECT_RECV(e->ch[0], NULL),
		GOSELECT_RECV(e->ch[1], NULL),
	};
	int at = e->round % 2 ? goselect(c, ARRAY_SIZE(c)) :
				order_try(thread, c, ARRAY_SIZE(c));

	if (at != 1 || c[1].ok)
		return -EILSEQ;
	if (e->data != e->round)
		e->stale++;
	return 0;
}

static void order_of_close(struct kunit *test)
{
	struct ending *e = kunit_kzalloc(test, sizeof(*e), GFP_KERNEL);
	unsigned int rounds = gochan_scaled(1000);
	struct gct_thread *thread;

	KUNIT_ASSERT_NOT_NULL(test, e);
	for (e->round = 1; e->round <= rounds; e->round++) {
		gst_chans(test, e->ch, ARRAY_SIZE(e->ch), 0);
		thread = gct_start(test, ending_fn, e);
		if (e->round % 4 == 1)
			GCT_ASSERT_WAITERS(test, e->ch[1], 0, 1);
		e->data = e->round;
		KUNIT_EXPECT_EQ(test, 0, gochan_close(e->ch[1]));
		KUNIT_EXPECT_EQ(test, 0, gct_join(test, thread));
		gct_put_now(test, e->ch[0]);
		gct_put_now(test, e->ch[1]);
	}
	KUNIT_EXPECT_EQ(test, e->stale, 0ULL);
}

static struct kunit_case order_cases[] = {
	KUNIT_CASE_PARAM(order_of_published_data, order_gen_params),
	KUNIT_CASE(order_of_close),
	{}
};

struct kunit_suite goselect_order_suite = {
	.name = "goselect-order",
	.init = gct_init,
	.exit = gct_exit,
	.test_cases = order_cases,
};
