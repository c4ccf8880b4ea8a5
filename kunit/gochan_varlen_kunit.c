// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - messages with a length of their own
 *
 * gochan_send_msg() and gochan_recv_msg() on variable-length channels, where
 * the element size is a maximum, and on fixed ones, where it is the length.
 */

#include <linux/err.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <uapi/linux/gochan.h>

#include "gochan_kunit.h"

#define MAX_LEN		40
/* Room behind the largest message, to see what is written there. */
#define BUF_LEN		(2 * MAX_LEN)

static const struct gochan_wait past = {
	.state = TASK_INTERRUPTIBLE,
	.clock = CLOCK_MONOTONIC,
	.deadline = GCT_PAST,
};

static int put_msg(struct gochan *ch, size_t len, unsigned int n)
{
	u8 buf[BUF_LEN];

	gct_fill(buf, len, n);
	return gochan_send_msg(ch, buf, len, NULL);
}

/* Receive with @room and expect message @n of length @want. */
static void expect_msg(struct kunit *test, struct gochan *ch, size_t room,
		       const struct gochan_wait *wait, size_t want,
		       unsigned int n)
{
	u8 buf[BUF_LEN];
	size_t len = room;
	bool ok = false;

	memset(buf, GCT_POISON, sizeof(buf));
	KUNIT_EXPECT_EQ(test, 0, gochan_recv_msg(ch, buf, &len, &ok, wait));
	KUNIT_EXPECT_TRUE(test, ok);
	KUNIT_EXPECT_EQ(test, len, want);
	KUNIT_EXPECT_TRUE(test, gct_filled(buf, want, n));
	KUNIT_EXPECT_TRUE_MSG(test, gct_all(buf + want, GCT_POISON,
					    sizeof(buf) - want),
			      "bytes behind message %u were written", n);
}

static void varlen_keeps_lengths(struct kunit *test)
{
	const unsigned int cap = 5;
	struct gochan *ch = gct_chan_varlen(test, MAX_LEN, cap);
	unsigned int in = 0, out = 0, count = gochan_scaled(2000);
	struct gochan_stat st;

	gochan_stat(ch, &st);
	KUNIT_EXPECT_TRUE(test, st.varlen);
	KUNIT_EXPECT_EQ(test, st.elem_size, (u32)MAX_LEN);

	/*
	 * Every length follows every kind of leftover in its slot: 7 is prime
	 * to the number of lengths, and both are to the capacity.
	 */
	while (out < count) {
		while (in < count && in - out < cap) {
			KUNIT_ASSERT_EQ(test, 0,
					put_msg(ch, in * 7 % (MAX_LEN + 1),
						in));
			in++;
		}
		if (in - out == cap)
			KUNIT_ASSERT_EQ(test, -EAGAIN, put_msg(ch, 1, 0));
		expect_msg(test, ch, MAX_LEN, out & 1 ? &past : NULL,
			   out * 7 % (MAX_LEN + 1), out);
		out++;
	}
}

static void varlen_rejects_longer_than_max(struct kunit *test)
{
	struct gochan *ch = gct_chan_varlen(test, MAX_LEN, 1);
	u8 buf[BUF_LEN] = { };

	KUNIT_EXPECT_EQ(test, -EMSGSIZE, put_msg(ch, MAX_LEN + 1, 0));
	KUNIT_EXPECT_EQ(test, -EMSGSIZE,
			gochan_send_msg(ch, buf, SIZE_MAX, NULL));
	KUNIT_EXPECT_EQ(test, -EMSGSIZE,
			gochan_send_msg(ch, buf, (size_t)U32_MAX + 1 + MAX_LEN,
					&gct_interruptible));
	KUNIT_EXPECT_EQ(test, gochan_len(ch), (size_t)0);
	KUNIT_EXPECT_EQ(test, 0, put_msg(ch, MAX_LEN, 1));
	expect_msg(test, ch, MAX_LEN, &gct_interruptible, MAX_LEN, 1);
}

static void varlen_only_empty_messages(struct kunit *test)
{
	struct gochan *ch = gct_chan_varlen(test, 0, 2);
	bool ok = false;
	size_t len = 0;

	KUNIT_EXPECT_EQ(test, 0, gochan_send_msg(ch, NULL, 0, NULL));
	KUNIT_EXPECT_EQ(test, 0, gochan_send_msg(ch, NULL, 0, &gct_interruptible));
	KUNIT_EXPECT_EQ(test, -EAGAIN, gochan_send_msg(ch, NULL, 0, NULL));
	KUNIT_EXPECT_EQ(test, -EMSGSIZE, put_msg(ch, 1, 0));
	KUNIT_EXPECT_EQ(test, 0, gochan_recv_msg(ch, NULL, &len, &ok, NULL));
	KUNIT_EXPECT_TRUE(test, ok);
	KUNIT_EXPECT_EQ(test, len, (size_t)0);
	expect_msg(test, ch, 0, &gct_interruptible, 0, 0);
	KUNIT_EXPECT_EQ(test, gochan_len(ch), (size_t)0);
}

static void varlen_try_recv_with_too_little_room(struct kunit *test)
{
	struct gochan *ch = gct_chan_varlen(test, MAX_LEN, 3);
	u8 buf[BUF_LEN];
	size_t len;
	bool ok;

	KUNIT_ASSERT_EQ(test, 0, put_msg(ch, 17, 1));
	KUNIT_ASSERT_EQ(test, 0, put_msg(ch, 5, 2));
	memset(buf, GCT_POISON, sizeof(buf));
	for (len = 16; len > 0; len--) {
		size_t room = len;

		KUNIT_EXPECT_EQ(test, -EMSGSIZE,
				gochan_recv_msg(ch, buf, &room, &ok, NULL));
		KUNIT_EXPECT_EQ(test, room, (size_t)17);
	}
	KUNIT_EXPECT_TRUE(test, gct_all(buf, GCT_POISON, sizeof(buf)));
	KUNIT_EXPECT_EQ(test, gochan_len(ch), (size_t)2);
	/* Exactly enough is enough, less than a whole element though it is. */
	expect_msg(test, ch, 17, NULL, 17, 1);
	expect_msg(test, ch, 5, NULL, 5, 2);
	len = 0;
	KUNIT_EXPECT_EQ(test, -EAGAIN,
			gochan_recv_msg(ch, buf, &len, &ok, NULL));
}

static void varlen_try_recv_too_little_room_for_parked(struct kunit *test)
{
	struct gochan *ch = gct_chan_varlen(test, MAX_LEN, 0);
	u8 src[MAX_LEN], buf[BUF_LEN];
	struct gct_op *op;
	size_t len = MAX_LEN - 1;
	bool ok;

	gct_fill(src, sizeof(src), 4);
	op = gct_park_op(test, ch, true, src, 0, &gct_interruptible);
	memset(buf, GCT_POISON, sizeof(buf));
	KUNIT_EXPECT_EQ(test, -EMSGSIZE,
			gochan_recv_msg(ch, buf, &len, &ok, NULL));
	KUNIT_EXPECT_EQ(test, len, (size_t)MAX_LEN);
	KUNIT_EXPECT_TRUE(test, gct_all(buf, GCT_POISON, sizeof(buf)));
	GCT_EXPECT_STAT(test, ch, 0, 1, 0, false);
	KUNIT_EXPECT_TRUE(test, gct_running(op->thread));
	expect_msg(test, ch, MAX_LEN, NULL, MAX_LEN, 4);
	KUNIT_EXPECT_EQ(test, 0, gct_finish(test, op));
}

static void varlen_blocking_recv_needs_whole_element(struct kunit *test)
{
	struct gochan *ch = gct_chan_varlen(test, MAX_LEN, 1);
	u8 buf[BUF_LEN];
	size_t len = MAX_LEN - 1;
	bool ok;

	/* Judged by the channel, not by what happens to be in it. */
	KUNIT_EXPECT_EQ(test, -EMSGSIZE,
			gochan_recv_msg(ch, buf, &len, &ok, &gct_interruptible));
	KUNIT_EXPECT_EQ(test, 0, put_msg(ch, 3, 1));
	len = MAX_LEN - 1;
	KUNIT_EXPECT_EQ(test, -EMSGSIZE,
			gochan_recv_msg(ch, buf, &len, &ok, &gct_interruptible));
	len = 3;
	KUNIT_EXPECT_EQ(test, -EMSGSIZE,
			gochan_recv_msg(ch, buf, &len, &ok, &past));
	expect_msg(test, ch, MAX_LEN, &gct_interruptible, 3, 1);
}

static void varlen_discard_reports_length(struct kunit *test)
{
	struct gochan *ch = gct_chan_varlen(test, MAX_LEN, 2);
	bool ok = false;
	size_t len = 0;

	KUNIT_ASSERT_EQ(test, 0, put_msg(ch, 31, 1));
	KUNIT_ASSERT_EQ(test, 0, put_msg(ch, 32, 1));
	KUNIT_EXPECT_EQ(test, 0, gochan_recv_msg(ch, NULL, &len, &ok, NULL));
	KUNIT_EXPECT_TRUE(test, ok);
	KUNIT_EXPECT_EQ(test, len, (size_t)31);
	len = 0;
	KUNIT_EXPECT_EQ(test, 0,
			gochan_recv_msg(ch, NULL, &len, &ok, &gct_interruptible));
	KUNIT_EXPECT_EQ(test, len, (size_t)32);
}

static void varlen_end_has_no_length(struct kunit *test)
{
	struct gochan *ch = gct_chan_varlen(test, MAX_LEN, 1);
	u8 buf[BUF_LEN];
	size_t len = MAX_LEN;
	bool ok = true;

	KUNIT_ASSERT_EQ(test, 0, put_msg(ch, 9, 1));
	KUNIT_ASSERT_EQ(test, 0, gochan_close(ch));
	KUNIT_EXPECT_EQ(test, -EPIPE, put_msg(ch, 9, 1));
	expect_msg(test, ch, MAX_LEN, &gct_interruptible, 9, 1);
	KUNIT_ASSERT_EQ(test, 0, gochan_recv_msg(ch, buf, &len, &ok, &past));
	KUNIT_EXPECT_FALSE(test, ok);
	KUNIT_EXPECT_EQ(test, len, (size_t)0);
	len = MAX_LEN;
	ok = true;
	KUNIT_EXPECT_EQ(test, 0, gochan_recv_msg(ch, buf, &len, &ok, NULL));
	KUNIT_EXPECT_FALSE(test, ok);
	KUNIT_EXPECT_EQ(test, len, (size_t)0);
}

/* A gochan_recv_msg() or gochan_send_msg() in a thread. */
struct msg_op {
	struct gct_thread *thread;
	struct gochan *ch;
	u8 buf[BUF_LEN];
	size_t len;
	bool ok;
};

static int recv_msg_fn(struct gct_thread *thread)
{
	struct msg_op *op = thread->arg;

	return gochan_recv_msg(op->ch, op->buf, &op->len, &op->ok, &gct_interruptible);
}

static int send_msg_fn(struct gct_thread *thread)
{
	struct msg_op *op = thread->arg;

	return gochan_send_msg(op->ch, op->buf, op->len, &gct_interruptible);
}

static struct msg_op *msg_op(struct kunit *test, struct gochan *ch, size_t len)
{
	struct msg_op *op = kunit_kzalloc(test, sizeof(*op), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, op);
	op->ch = ch;
	op->len = len;
	memset(op->buf, GCT_POISON, sizeof(op->buf));
	return op;
}

static void varlen_hand_off_to_parked_receivers(struct kunit *test)
{
	struct gochan *ch = gct_chan_varlen(test, MAX_LEN, 2);
	static const size_t lens[] = { 0, 1, 13, MAX_LEN };
	struct msg_op *ops[ARRAY_SIZE(lens)];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		ops[i] = msg_op(test, ch, MAX_LEN);
		ops[i]->thread = gct_start(test, recv_msg_fn, ops[i]);
		GCT_ASSERT_WAITERS(test, ch, 0, i + 1);
	}
	for (i = 0; i < ARRAY_SIZE(lens); i++)
		KUNIT_EXPECT_EQ(test, 0, put_msg(ch, lens[i], i));
	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		struct msg_op *op = ops[i];

		KUNIT_EXPECT_EQ(test, 0, gct_join(test, op->thread));
		KUNIT_EXPECT_TRUE(test, op->ok);
		KUNIT_EXPECT_EQ(test, op->len, lens[i]);
		KUNIT_EXPECT_TRUE(test, gct_filled(op->buf, lens[i], i));
		KUNIT_EXPECT_TRUE(test, gct_all(op->buf + lens[i], GCT_POISON,
						BUF_LEN - lens[i]));
	}
	GCT_EXPECT_STAT(test, ch, 0, 0, 0, false);
}

/* Capacity of the channel the senders sleep on. */
static const unsigned int parked_caps[] = { 0, 1, 2 };

static void parked_cap_desc(const unsigned int *cap, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "cap %u", *cap);
}

KUNIT_ARRAY_PARAM(parked_cap, parked_caps, parked_cap_desc);

static void varlen_hand_off_from_parked_senders(struct kunit *test)
{
	unsigned int i, cap = *(const unsigned int *)test->param_value;
	struct gochan *ch = gct_chan_varlen(test, MAX_LEN, cap);
	static const size_t lens[] = { 2, MAX_LEN, 0, 21 };
	struct msg_op *ops[ARRAY_SIZE(lens)];

	for (i = 0; i < cap; i++)
		KUNIT_ASSERT_EQ(test, 0, put_msg(ch, MAX_LEN - i, 100 + i));
	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		ops[i] = msg_op(test, ch, lens[i]);
		gct_fill(ops[i]->buf, lens[i], i);
		ops[i]->thread = gct_start(test, send_msg_fn, ops[i]);
		GCT_ASSERT_WAITERS(test, ch, i + 1, 0);
	}
	for (i = 0; i < cap; i++)
		expect_msg(test, ch, MAX_LEN, NULL, MAX_LEN - i, 100 + i);
	for (i = 0; i < ARRAY_SIZE(lens); i++)
		expect_msg(test, ch, MAX_LEN, i & 1 ? &gct_interruptible : NULL, lens[i],
			   i);
	for (i = 0; i < ARRAY_SIZE(lens); i++)
		KUNIT_EXPECT_EQ(test, 0, gct_join(test, ops[i]->thread));
	GCT_EXPECT_STAT(test, ch, 0, 0, 0, false);
}

static void varlen_close_ends_parked_receiver(struct kunit *test)
{
	struct gochan *ch = gct_chan_varlen(test, MAX_LEN, 1);
	struct msg_op *op = msg_op(test, ch, MAX_LEN);

	op->ok = true;
	op->thread = gct_start(test, recv_msg_fn, op);
	GCT_ASSERT_WAITERS(test, ch, 0, 1);
	KUNIT_EXPECT_EQ(test, 0, gochan_close(ch));
	KUNIT_EXPECT_EQ(test, 0, gct_join(test, op->thread));
	KUNIT_EXPECT_FALSE(test, op->ok);
	KUNIT_EXPECT_EQ(test, op->len, (size_t)0);
}

static void fixed_send_wants_exact_length(struct kunit *test)
{
	struct gochan *ch = gct_chan(test, 24, 2);

	KUNIT_EXPECT_EQ(test, -EINVAL, put_msg(ch, 23, 0));
	KUNIT_EXPECT_EQ(test, -EINVAL, put_msg(ch, 0, 0));
	KUNIT_EXPECT_EQ(test, -EMSGSIZE, put_msg(ch, 25, 0));
	KUNIT_EXPECT_EQ(test, gochan_len(ch), (size_t)0);
	KUNIT_EXPECT_EQ(test, 0, put_msg(ch, 24, 1));
	expect_msg(test, ch, 24, NULL, 24, 1);
}

static void fixed_recv_needs_whole_element(struct kunit *test)
{
	struct gochan *ch = gct_chan(test, 24, 2);
	u8 buf[BUF_LEN];
	size_t len = 23;
	bool ok;

	KUNIT_EXPECT_EQ(test, -EMSGSIZE,
			gochan_recv_msg(ch, buf, &len, &ok, &gct_interruptible));
	KUNIT_EXPECT_EQ(test, 0, put_msg(ch, 24, 1));
	len = 23;
	KUNIT_EXPECT_EQ(test, -EMSGSIZE,
			gochan_recv_msg(ch, buf, &len, &ok, NULL));
	len = 0;
	KUNIT_EXPECT_EQ(test, -EMSGSIZE,
			gochan_recv_msg(ch, buf, &len, &ok, &past));
	KUNIT_EXPECT_EQ(test, gochan_len(ch), (size_t)1);
	expect_msg(test, ch, BUF_LEN, &gct_interruptible, 24, 1);
}

static struct kunit_case varlen_cases[] = {
	KUNIT_CASE(varlen_keeps_lengths),
	KUNIT_CASE(varlen_rejects_longer_than_max),
	KUNIT_CASE(varlen_only_empty_messages),
	KUNIT_CASE(varlen_try_recv_with_too_little_room),
	KUNIT_CASE(varlen_try_recv_too_little_room_for_parked),
	KUNIT_CASE(varlen_blocking_recv_needs_whole_element),
	KUNIT_CASE(varlen_discard_reports_length),
	KUNIT_CASE(varlen_end_has_no_length),
	KUNIT_CASE(varlen_hand_off_to_parked_receivers),
	KUNIT_CASE_PARAM(varlen_hand_off_from_parked_senders,
			 parked_cap_gen_params),
	KUNIT_CASE(varlen_close_ends_parked_receiver),
	KUNIT_CASE(fixed_send_wants_exact_length),
	KUNIT_CASE(fixed_recv_needs_whole_element),
	{}
};

struct kunit_suite gochan_varlen_suite = {
	.name = "gochan-varlen",
	.init = gct_init,
	.exit = gct_exit,
	.test_cases = varlen_cases,
};
