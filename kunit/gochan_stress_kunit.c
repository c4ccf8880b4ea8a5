// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - many threads at once
 *
 * Fixed amounts of work whose outcome can be counted: every value exactly once,
 * every failure one that is possible. What two CPUs are needed for shows on a
 * machine that has them; with one, preemption must do.
 */

#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "gochan_kunit.h"

#define MAX_THREADS	8

/* A message that shows whether it arrived whole. */
struct parcel {
	u32 sender;
	u32 seq;
	u64 sum;
	u64 inverse;
};

static u64 parcel_sum(u32 sender, u32 seq)
{
	return ((u64)sender << 32 | seq) * 0x9e3779b97f4a7c15ULL;
}

static void parcel_wrap(struct parcel *p, u32 sender, u32 seq)
{
	p->sender = sender;
	p->seq = seq;
	p->sum = parcel_sum(sender, seq);
	p->inverse = ~p->sum;
}

static bool parcel_whole(const struct parcel *p)
{
	return p->sum == parcel_sum(p->sender, p->seq) && p->inverse == ~p->sum;
}

/*
 * Several senders, several receivers, one channel.
 */

struct crowd_param {
	unsigned int cap;
	unsigned int senders;
	unsigned int receivers;
};

static const struct crowd_param crowds[] = {
	{ 0, 1, 1 }, { 0, 4, 4 }, { 0, 8, 1 }, { 0, 1, 8 },
	{ 1, 1, 1 }, { 1, 4, 4 }, { 1, 8, 1 }, { 1, 1, 8 },
	{ 3, 1, 1 }, { 3, 4, 4 }, { 3, 8, 1 }, { 3, 1, 8 },
	{ 64, 1, 1 }, { 64, 4, 4 }, { 64, 8, 1 }, { 64, 1, 8 },
};

static void crowd_desc(const struct crowd_param *param, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "cap %u, %u to %u", param->cap,
		 param->senders, param->receivers);
}

KUNIT_ARRAY_PARAM(crowd, crowds, crowd_desc);

/**
 * struct crowd - who takes part, and what arrived
 * @ch: channel of struct parcel
 * @count: messages per sender
 * @seen: per sender, which messages were received
 * @sent: per sender, which messages were sent
 * @twice: messages received again
 * @damaged: messages that were not what was sent
 * @disorder: messages that overtook one of the same sender
 * @errors: results that must not be
 * @delivered: messages received
 * @deadline_us: give up after so long, 0 for never
 */
struct crowd {
	struct gochan *ch;
	unsigned int count;
	unsigned long *seen[MAX_THREADS];
	unsigned long *sent[MAX_THREADS];
	atomic_t twice;
	atomic_t damaged;
	atomic_t disorder;
	atomic_t errors;
	atomic_t delivered;
	unsigned int deadline_us;
};

struct crowd_member {
	struct crowd *crowd;
	struct gct_thread *thread;
	u32 id;
};

static struct crowd *crowd_new(struct kunit *test, unsigned int cap,
			       unsigned int senders, unsigned int count)
{
	struct crowd *crowd = kunit_kzalloc(test, sizeof(*crowd), GFP_KERNEL);
	size_t longs = BITS_TO_LONGS(count);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, crowd);
	crowd->ch = gct_chan(test, sizeof(struct parcel), cap);
	crowd->count = count;
	for (i = 0; i < senders; i++) {
		crowd->seen[i] = kunit_kcalloc(test, longs, sizeof(long),
					       GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, crowd->seen[i]);
		crowd->sent[i] = kunit_kcalloc(test, longs, sizeof(long),
					       GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, crowd->sent[i]);
	}
	return crowd;
}

static struct crowd_member *crowd_join(struct kunit *test, struct crowd *crowd,
				       u32 id,
				       int (*fn)(struct gct_thread *thread))
{
	struct crowd_member *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, m);
	m->crowd = crowd;
	m->id = id;
	m->thread = gct_start(test, fn, m);
	return m;
}

/* Note a message. @last holds what came last from each sender, plus one. */
static void crowd_note(struct crowd *crowd, const struct parcel *p, u32 *last)
{
	if (!parcel_whole(p) || p->sender >= MAX_THREADS ||
	    !crowd->seen[p->sender] || p->seq >= crowd->count) {
		atomic_inc(&crowd->damaged);
		return;
	}
	if (p->seq + 1 <= last[p->sender])
		atomic_inc(&crowd->disorder);
	last[p->sender] = p->seq + 1;
	if (test_and_set_bit(p->seq, crowd->seen[p->sender]))
		atomic_inc(&crowd->twice);
	atomic_inc(&crowd->delivered);
}

static int crowd_send_fn(struct gct_thread *thread)
{
	struct crowd_member *m = thread->arg;
	struct crowd *crowd = m->crowd;
	struct parcel p;
	u32 seq;
	int err;

	for (seq = 0; seq < crowd->count && !gct_stopping(thread); seq++) {
		parcel_wrap(&p, m->id, seq);
		err = gochan_send(crowd->ch, &p);
		if (err)
			return err;
		set_bit(seq, crowd->sent[m->id]);
	}
	return 0;
}

static int crowd_recv_fn(struct gct_thread *thread)
{
	struct crowd_member *m = thread->arg;
	struct crowd *crowd = m->crowd;
	u32 last[MAX_THREADS] = { };
	struct parcel p;
	bool ok;
	int err;

	while (!gct_stopping(thread)) {
		memset(&p, GCT_POISON, sizeof(p));
		err = gochan_recv(crowd->ch, &p, &ok);
		if (err || !ok)
			return err;
		crowd_note(crowd, &p, last);
	}
	return 0;
}

/* What was sent was received, and nothing else. */
static void crowd_check(struct kunit *test, struct crowd *crowd)
{
	unsigned int i;

	KUNIT_EXPECT_EQ(test, 0, atomic_read(&crowd->twice));
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&crowd->damaged));
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&crowd->disorder));
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&crowd->errors));
	for (i = 0; i < MAX_THREADS && crowd->seen[i]; i++)
		KUNIT_EXPECT_TRUE_MSG(test,
				      bitmap_equal(crowd->sent[i],
						   crowd->seen[i],
						   crowd->count),
				      "sender %u: sent %u, received %u", i,
				      bitmap_weight(crowd->sent[i],
						    crowd->count),
				      bitmap_weight(crowd->seen[i],
						    crowd->count));
}

static void crowd_delivers_exactly_once(struct kunit *test)
{
	const struct crowd_param *param = test->param_value;
	unsigned int i, count = gochan_scaled(40000 / param->senders);
	struct crowd *crowd = crowd_new(test, param->cap, param->senders,
					count);
	struct crowd_member *senders[MAX_THREADS], *receivers[MAX_THREADS];

	for (i = 0; i < param->receivers; i++)
		receivers[i] = crowd_join(test, crowd, i, crowd_recv_fn);
	for (i = 0; i < param->senders; i++)
		senders[i] = crowd_join(test, crowd, i, crowd_send_fn);
	for (i = 0; i < param->senders; i++)
		KUNIT_EXPECT_EQ(test, 0, gct_join(test, senders[i]->thread));
	KUNIT_EXPECT_EQ(test, 0, gochan_close(crowd->ch));
	for (i = 0; i < param->receivers; i++)
		KUNIT_EXPECT_EQ(test, 0, gct_join(test, receivers[i]->thread));
	KUNIT_EXPECT_EQ(test, (unsigned int)atomic_read(&crowd->delivered),
			count * param->senders);
	crowd_check(test, crowd);
	GCT_EXPECT_STAT(test, crowd->ch, 0, 0, 0, true);
}

/*
 * Cancellation races the hand-off: each side gives up after a few microseconds,
 * or is signalled at random moments. Both must agree on what happened.
 */

/* Around the time that a hand-off takes, so that they meet often. */
static ktime_t crowd_deadline(struct crowd *crowd, u32 n)
{
	if (!crowd->deadline_us)
		return KTIME_MAX;
	return gct_in_us(n % (crowd->deadline_us + 1));
}

/* Wait once; say whether to go on after @err, one of those that may be. */
static bool crowd_may_fail(struct crowd *crowd, int err)
{
	if (err == -ERESTARTSYS && !crowd->deadline_us) {
		flush_signals(current);
		return true;
	}
	if (err == -ETIMEDOUT && crowd->deadline_us)
		return true;
	if (err != -ERESTARTSYS)
		atomic_inc(&crowd->errors);
	return false;
}

static int hasty_send_fn(struct gct_thread *thread)
{
	struct crowd_member *m = thread->arg;
	struct crowd *crowd = m->crowd;
	struct parcel p;
	u32 seq;
	int err;

	for (seq = 0; seq < crowd->count && !gct_stopping(thread); seq++) {
		parcel_wrap(&p, m->id, seq);
		err = gochan_send_until(crowd->ch, &p,
					crowd_deadline(crowd, seq));
		/* A peer that still reads @p after failure would see this. */
		memset(&p, 0xff, sizeof(p));
		if (!err)
			set_bit(seq, crowd->sent[m->id]);
		else if (!crowd_may_fail(crowd, err))
			return err;
	}
	return 0;
}

static int hasty_recv_fn(struct gct_thread *thread)
{
	struct crowd_member *m = thread->arg;
	struct crowd *crowd = m->crowd;
	u32 last[MAX_THREADS] = { };
	struct parcel p;
	bool ok;
	u32 n;
	int err;

	for (n = 0; !gct_stopping(thread); n++) {
		memset(&p, GCT_POISON, sizeof(p));
		err = gochan_recv_until(crowd->ch, &p, &ok,
					crowd_deadline(crowd, n * 3));
		if (!err && !ok)
			return 0;
		if (!err)
			crowd_note(crowd, &p, last);
		else if (!gct_all(&p, GCT_POISON, sizeof(p)))
			atomic_inc(&crowd->damaged);
		if (err && !crowd_may_fail(crowd, err))
			return err;
	}
	return 0;
}

static const unsigned int race_caps[] = { 0, 1, 3 };

static void race_cap_desc(const unsigned int *cap, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "cap %u", *cap);
}

KUNIT_ARRAY_PARAM(race_cap, race_caps, race_cap_desc);

#define NR_HASTY	3

static void race(struct kunit *test, unsigned int count,
		 unsigned int deadline_us, bool signals)
{
	unsigned int cap = *(const unsigned int *)test->param_value;
	struct crowd *crowd = crowd_new(test, cap, NR_HASTY, count);
	struct crowd_member *senders[NR_HASTY], *receivers[NR_HASTY];
	unsigned long end = jiffies + gct_timeout();
	unsigned int i, n = 0;

	crowd->deadline_us = deadline_us;
	for (i = 0; i < NR_HASTY; i++)
		receivers[i] = crowd_join(test, crowd, i, hasty_recv_fn);
	for (i = 0; i < NR_HASTY; i++)
		senders[i] = crowd_join(test, crowd, i, hasty_send_fn);
	for (i = 0; signals && i < NR_HASTY; i++) {
		while (gct_running(senders[i]->thread) &&
		       time_before(jiffies, end)) {
			gct_signal(senders[n % NR_HASTY]->thread, SIGUSR1);
			gct_signal(receivers[n++ / 2 % NR_HASTY]->thread,
				   SIGUSR1);
			gct_pause();
		}
	}
	for (i = 0; i < NR_HASTY; i++)
		KUNIT_EXPECT_EQ(test, 0, gct_join(test, senders[i]->thread));
	KUNIT_EXPECT_EQ(test, 0, gochan_close(crowd->ch));
	for (i = 0; i < NR_HASTY; i++)
		KUNIT_EXPECT_EQ(test, 0, gct_join(test, receivers[i]->thread));
	crowd_check(test, crowd);
	GCT_EXPECT_STAT(test, crowd->ch, 0, 0, 0, true);
}

static void deadline_races_hand_off(struct kunit *test)
{
	race(test, gochan_scaled(6000), 40, false);
}

static void signal_races_hand_off(struct kunit *test)
{
	race(test, gochan_scaled(20000), 0, true);
}

/* A close in the middle: whoever was told "sent" was heard. */
static void close_races_hand_off(struct kunit *test)
{
	unsigned int cap = *(const unsigned int *)test->param_value;
	unsigned int round, rounds = gochan_scaled(100), i;

	for (round = 0; round < rounds; round++) {
		struct crowd *crowd = crowd_new(test, cap, 2, 64);
		struct crowd_member *m[4];

		for (i = 0; i < 2; i++) {
			m[i] = crowd_join(test, crowd, i, crowd_recv_fn);
			m[2 + i] = crowd_join(test, crowd, i, crowd_send_fn);
		}
		/* From before the first to after the last hand-off. */
		for (i = 0; i < round % 4; i++)
			gct_pause();
		KUNIT_EXPECT_EQ(test, 0, gochan_close(crowd->ch));
		for (i = 0; i < 2; i++) {
			int err = gct_join(test, m[2 + i]->thread);

			KUNIT_EXPECT_TRUE(test, !err || err == -EPIPE);
			KUNIT_EXPECT_EQ(test, 0, gct_join(test, m[i]->thread));
		}
		crowd_check(test, crowd);
		GCT_EXPECT_STAT(test, crowd->ch, 0, 0, 0, true);
	}
}

static struct kunit_case stress_cases[] = {
	KUNIT_CASE_PARAM(crowd_delivers_exactly_once, crowd_gen_params),
	KUNIT_CASE_PARAM(deadline_races_hand_off, race_cap_gen_params),
	KUNIT_CASE_PARAM(signal_races_hand_off, race_cap_gen_params),
	KUNIT_CASE_PARAM(close_races_hand_off, race_cap_gen_params),
	{}
};

struct kunit_suite gochan_stress_suite = {
	.name = "gochan-stress",
	.init = gct_init,
	.exit = gct_exit,
	.test_cases = stress_cases,
};
