// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - many selects at once
 *
 * Fixed amounts of work whose outcome can be counted: every value exactly once,
 * and every failure one that is possible.
 */

#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/prandom.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "goselect_kunit.h"

static unsigned long *new_bitmap(struct kunit *test, unsigned int bits)
{
	unsigned long *map = kunit_kcalloc(test, BITS_TO_LONGS(bits),
					   sizeof(long), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, map);
	return map;
}

/*
 * Plain senders and receivers, one pair per channel, and between them one task
 * that sends to all by select and one that receives from all. Values below
 * @count are the plain senders', those from there on the selecting one's.
 */

static const size_t stress_caps[] = { 0, 0, 2, 3 };

#define NR_STRESS	ARRAY_SIZE(stress_caps)

struct stress {
	struct gochan *ch[NR_STRESS];
	unsigned long *seen[NR_STRESS];
	unsigned int count;
	atomic_t next;
	atomic_t wrong;
};

static void stress_note(struct stress *stress, unsigned int at, u64 val)
{
	if (val >= 2 * stress->count ||
	    test_and_set_bit(val, stress->seen[at]))
		atomic_inc(&stress->wrong);
}

static int stress_send_fn(struct gct_thread *thread)
{
	struct stress *stress = thread->arg;
	unsigned int at = atomic_inc_return(&stress->next) % NR_STRESS;
	u64 val;
	int err = 0;

	for (val = 0; val < stress->count && !err; val++)
		err = gochan_send(stress->ch[at], &val);
	return err;
}

static int stress_recv_fn(struct gct_thread *thread)
{
	struct stress *stress = thread->arg;
	unsigned int at = atomic_inc_return(&stress->next) % NR_STRESS;
	unsigned int i;
	u64 val;
	int err;

	for (i = 0; i < stress->count; i++) {
		err = gochan_recv(stress->ch[at], &val, NULL);
		if (err)
			return err;
		stress_note(stress, at, val);
	}
	return 0;
}

/* Select until each channel has had its count; then its case is off. */
static int stress_select(struct stress *stress, bool send)
{
	struct goselect_case c[NR_STRESS];
	unsigned int i, left = NR_STRESS * stress->count;
	unsigned int moved[NR_STRESS] = { };
	u64 vals[NR_STRESS];
	int at;

	for (i = 0; i < NR_STRESS; i++) {
		vals[i] = stress->count;
		c[i] = send ? GOSELECT_SEND(stress->ch[i], &vals[i]) :
			      GOSELECT_RECV(stress->ch[i], &vals[i]);
	}
	for (; left; left--) {
		at = goselect(c, NR_STRESS);
		if (at < 0)
			return at;
		if (send)
			vals[at]++;
		else
			stress_note(stress, at, vals[at]);
		if (++moved[at] == stress->count)
			c[at].ch = NULL;
	}
	return 0;
}

static int stress_select_send_fn(struct gct_thread *thread)
{
	return stress_select(thread->arg, true);
}

static int stress_select_recv_fn(struct gct_thread *thread)
{
	return stress_select(thread->arg, false);
}

static void selects_among_plain_operations(struct kunit *test)
{
	struct stress *stress = kunit_kzalloc(test, sizeof(*stress),
					      GFP_KERNEL);
	struct gct_thread *t[2 * NR_STRESS + 2];
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, stress);
	stress->count = gochan_scaled(100000);
	for (i = 0; i < NR_STRESS; i++) {
		stress->ch[i] = gct_chan(test, sizeof(u64), stress_caps[i]);
		stress->seen[i] = new_bitmap(test, 2 * stress->count);
	}
	/* Eight numbers are drawn, each channel twice by either sort. */
	for (i = 0; i < NR_STRESS; i++)
		t[i] = gct_start(test, stress_send_fn, stress);
	while (atomic_read(&stress->next) < NR_STRESS)
		gct_pause();
	for (; i < 2 * NR_STRESS; i++)
		t[i] = gct_start(test, stress_recv_fn, stress);
	t[i++] = gct_start(test, stress_select_send_fn, stress);
	t[i++] = gct_start(test, stress_select_recv_fn, stress);
	for (i = 0; i < ARRAY_SIZE(t); i++)
		KUNIT_EXPECT_EQ(test, 0, gct_join(test, t[i]));
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&stress->wrong));
	for (i = 0; i < NR_STRESS; i++) {
		KUNIT_EXPECT_TRUE(test, bitmap_full(stress->seen[i],
						    2 * stress->count));
		GCT_EXPECT_STAT(test, stress->ch[i], 0, 0, 0, false);
	}
}

/*
 * A melee: every value is offered on all channels at once, received from any of
 * them, while deadlines, signals or a close come in between.
 */

#define NR_MELEE	3

struct melee {
	struct gochan *ch[NR_MELEE];
	unsigned long *sent[NR_MELEE];
	unsigned long *seen[NR_MELEE];
	unsigned int count;
	unsigned int deadline_us;
	atomic_t twice;
	atomic_t damaged;
	atomic_t errors;
};

struct fighter {
	struct melee *melee;
	struct gct_thread *thread;
	u32 id;
};

static void melee_note(struct melee *melee, u64 val)
{
	u32 id = val >> 32, seq = val;

	if (id >= NR_MELEE || seq >= melee->count)
		atomic_inc(&melee->damaged);
	else if (test_and_set_bit(seq, melee->seen[id]))
		atomic_inc(&melee->twice);
}

/* May the operation have failed with @err, and is there a point in going on? */
static bool melee_may_fail(struct melee *melee, int err)
{
	if (err == -ERESTARTSYS && !melee->deadline_us) {
		flush_signals(current);
		return true;
	}
	if (err == -ETIMEDOUT && melee->deadline_us)
		return true;
	if (err != -ERESTARTSYS && err != -EPIPE)
		atomic_inc(&melee->errors);
	return false;
}

/* Around the time that a hand-off takes, so that they meet often. */
static int melee_select(struct melee *melee, struct goselect_case *c, u32 n)
{
	if (!melee->deadline_us)
		return goselect(c, NR_MELEE);
	return goselect_until(c, NR_MELEE,
			      gct_in_us(n % (melee->deadline_us + 1)));
}

static int melee_send_fn(struct gct_thread *thread)
{
	struct fighter *f = thread->arg;
	struct melee *melee = f->melee;
	struct goselect_case c[NR_MELEE];
	unsigned int i;
	u64 val;
	u32 seq;
	int err;

	for (seq = 0; seq < melee->count && !gct_stopping(thread); seq++) {
		val = (u64)f->id << 32 | seq;
		for (i = 0; i < NR_MELEE; i++)
			c[i] = GOSELECT_SEND(melee->ch[i], &val);
		err = melee_select(melee, c, seq);
		/* A peer that still reads @val would see this. */
		val = U64_MAX;
		if (err >= 0)
			set_bit(seq, melee->sent[f->id]);
		else if (!melee_may_fail(melee, err))
			return err;
	}
	return 0;
}

/* Only the chosen destination has been written. */
static void melee_check_vals(struct melee *melee, const u64 *vals, int chosen)
{
	int i;

	for (i = 0; i < NR_MELEE; i++)
		if (i != chosen && vals[i] != GCT_POISON_U64)
			atomic_inc(&melee->damaged);
}

static int melee_recv_fn(struct gct_thread *thread)
{
	struct fighter *f = thread->arg;
	struct melee *melee = f->melee;
	struct goselect_case c[NR_MELEE];
	u64 vals[NR_MELEE];
	unsigned int i, open = NR_MELEE;
	u32 n;
	int at;

	/* The other way round, each from a different one on. */
	for (i = 0; i < NR_MELEE; i++)
		c[i] = GOSELECT_RECV(melee->ch[(2 * NR_MELEE - 1 - i - f->id) %
					       NR_MELEE], &vals[i]);
	for (n = 0; open && !gct_stopping(thread); n++) {
		for (i = 0; i < NR_MELEE; i++)
			vals[i] = GCT_POISON_U64;
		at = melee_select(melee, c, n * 3);
		melee_check_vals(melee, vals, at);
		if (at < 0 && !melee_may_fail(melee, at))
			return at;
		if (at < 0)
			continue;
		if (c[at].ok) {
			melee_note(melee, vals[at]);
		} else {
			c[at].ch = NULL;
			open--;
		}
	}
	return 0;
}

static struct melee *melee_new(struct kunit *test, unsigned int count)
{
	static const size_t caps[NR_MELEE] = { 0, 1, 0 };
	struct melee *melee = kunit_kzalloc(test, sizeof(*melee), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, melee);
	melee->count = count;
	for (i = 0; i < NR_MELEE; i++) {
		melee->ch[i] = gct_chan(test, sizeof(u64), caps[i]);
		melee->sent[i] = new_bitmap(test, count);
		melee->seen[i] = new_bitmap(test, count);
	}
	return melee;
}

static struct fighter *melee_join(struct kunit *test, struct melee *melee,
				  u32 id, int (*fn)(struct gct_thread *thread))
{
	struct fighter *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, f);
	f->melee = melee;
	f->id = id;
	f->thread = gct_start(test, fn, f);
	return f;
}

static void melee_close(struct kunit *test, struct melee *melee)
{
	unsigned int i;

	for (i = 0; i < NR_MELEE; i++)
		KUNIT_EXPECT_EQ(test, 0, gochan_close(melee->ch[i]));
}

static void melee_check(struct kunit *test, struct melee *melee)
{
	unsigned int i;

	KUNIT_EXPECT_EQ(test, 0, atomic_read(&melee->twice));
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&melee->damaged));
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&melee->errors));
	for (i = 0; i < NR_MELEE; i++) {
		KUNIT_EXPECT_TRUE_MSG(test,
				      bitmap_equal(melee->sent[i],
						   melee->seen[i],
						   melee->count),
				      "sender %u: sent %u, received %u", i,
				      bitmap_weight(melee->sent[i],
						    melee->count),
				      bitmap_weight(melee->seen[i],
						    melee->count));
		GCT_EXPECT_STAT(test, melee->ch[i], 0, 0, 0, true);
	}
}

static void melee_run(struct kunit *test, struct melee *melee, bool signals)
{
	struct fighter *senders[NR_MELEE], *receivers[NR_MELEE];
	unsigned long end = jiffies + gct_timeout();
	unsigned int i, n = 0;

	for (i = 0; i < NR_MELEE; i++)
		receivers[i] = melee_join(test, melee, i, melee_recv_fn);
	for (i = 0; i < NR_MELEE; i++)
		senders[i] = melee_join(test, melee, i, melee_send_fn);
	for (i = 0; signals && i < NR_MELEE; i++) {
		while (gct_running(senders[i]->thread) &&
		       time_before(jiffies, end)) {
			gct_signal(senders[n % NR_MELEE]->thread, SIGUSR1);
			gct_signal(receivers[n++ / 2 % NR_MELEE]->thread,
				   SIGUSR1);
			gct_pause();
		}
	}
	for (i = 0; i < NR_MELEE; i++)
		KUNIT_EXPECT_EQ(test, 0, gct_join(test, senders[i]->thread));
	melee_close(test, melee);
	for (i = 0; i < NR_MELEE; i++)
		KUNIT_EXPECT_EQ(test, 0, gct_join(test, receivers[i]->thread));
	melee_check(test, melee);
}

static void hand_over_exactly_once(struct kunit *test)
{
	melee_run(test, melee_new(test, gochan_scaled(20000)), false);
}

static void deadlines_race_hand_off(struct kunit *test)
{
	struct melee *melee = melee_new(test, gochan_scaled(6000));

	melee->deadline_us = 40;
	melee_run(test, melee, false);
}

static void signals_race_hand_off(struct kunit *test)
{
	melee_run(test, melee_new(test, gochan_scaled(20000)), true);
}

/* The channels are closed one by one in the middle of it. */
static void closes_race_hand_off(struct kunit *test)
{
	unsigned int i, round, rounds = gochan_scaled(200);

	for (round = 0; round < rounds; round++) {
		struct melee *melee = melee_new(test, 64);
		struct fighter *f[2 * NR_MELEE];

		for (i = 0; i < NR_MELEE; i++) {
			f[2 * i] = melee_join(test, melee, i, melee_send_fn);
			f[2 * i + 1] = melee_join(test, melee, i,
						  melee_recv_fn);
		}
		for (i = 0; i < round % 4; i++)
			gct_pause();
		melee_close(test, melee);
		for (i = 0; i < NR_MELEE; i++) {
			int err = gct_join(test, f[2 * i]->thread);

			KUNIT_EXPECT_TRUE(test, !err || err == -EPIPE);
			KUNIT_EXPECT_EQ(test, 0,
					gct_join(test, f[2 * i + 1]->thread));
		}
		melee_check(test, melee);
	}
}

/*
 * Random selects over the same channels, with up to all the cases there may be:
 * no deadlock, and what was sent was received or is still there.
 */

#define NR_POOL		24
#define NR_WALKERS	4

struct pool {
	struct gochan *ch[NR_POOL];
	atomic_t balance[NR_POOL];
	atomic_t unexpected;
	unsigned int rounds;
	u64 seed;
};

struct walker {
	struct pool *pool;
	struct gct_thread *thread;
	struct rnd_state rnd;
	struct goselect_case c[GOSELECT_MAX_CASES];
	u64 val;
};

static unsigned int walker_build(struct walker *w)
{
	unsigned int i, n = 1 + prandom_u32_state(&w->rnd) % GOSELECT_MAX_CASES;
	struct pool *pool = w->pool;

	/* Few cases are as likely as many. */
	if (n % 2)
		n = 1 + n / 2 % 6;
	for (i = 0; i < n; i++) {
		u32 dice = prandom_u32_state(&w->rnd);
		struct gochan *ch = pool->ch[dice / 8 % NR_POOL];

		if (dice % 8 == 0)
			ch = NULL;
		w->c[i] = dice % 2 ? GOSELECT_SEND(ch, &w->val) :
				     GOSELECT_RECV(ch, &w->val);
	}
	return n;
}

static void walker_note(struct walker *w, int at)
{
	struct pool *pool = w->pool;
	unsigned int i;

	for (i = 0; i < NR_POOL; i++) {
		if (pool->ch[i] != w->c[at].ch)
			continue;
		if (w->c[at].dir == GOSELECT_DIR_SEND)
			atomic_inc(&pool->balance[i]);
		else
			atomic_dec(&pool->balance[i]);
	}
}

static int walker_fn(struct gct_thread *thread)
{
	struct walker *w = thread->arg;
	unsigned int i, n;
	u32 dice;
	int at;

	for (i = 0; i < w->pool->rounds && !gct_stopping(thread); i++) {
		n = walker_build(w);
		dice = prandom_u32_state(&w->rnd);
		if (dice % 2)
			at = goselect_try(w->c, n);
		else
			at = goselect_until(w->c, n, gct_in_us(dice / 2 % 50));
		if (at >= 0)
			walker_note(w, at);
		else if (at != (dice % 2 ? -EAGAIN : -ETIMEDOUT))
			atomic_inc(&w->pool->unexpected);
	}
	return 0;
}

static struct walker *walker_new(struct kunit *test, struct pool *pool, u32 id)
{
	struct walker *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, w);
	w->pool = pool;
	prandom_seed_state(&w->rnd, pool->seed + id);
	w->thread = gct_start(test, walker_fn, w);
	return w;
}

static void random_selects_lose_nothing(struct kunit *test)
{
	struct pool *pool = kunit_kzalloc(test, sizeof(*pool), GFP_KERNEL);
	struct walker *w[NR_WALKERS];
	struct gochan_stat st;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, pool);
	pool->rounds = gochan_scaled(20000);
	pool->seed = gochan_seed();
	kunit_info(test, "seed %llu", pool->seed);
	for (i = 0; i < NR_POOL; i++)
		pool->ch[i] = gct_chan(test, sizeof(u64), i % 3);
	for (i = 0; i < NR_WALKERS; i++)
		w[i] = walker_new(test, pool, i);
	for (i = 0; i < NR_WALKERS; i++)
		KUNIT_EXPECT_EQ(test, 0, gct_join(test, w[i]->thread));
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&pool->unexpected));
	for (i = 0; i < NR_POOL; i++) {
		gochan_stat(pool->ch[i], &st);
		KUNIT_EXPECT_EQ(test, (int)st.len,
				atomic_read(&pool->balance[i]));
		KUNIT_EXPECT_EQ(test, st.senders + st.receivers, 0U);
	}
}

static struct kunit_case race_cases[] = {
	KUNIT_CASE(selects_among_plain_operations),
	KUNIT_CASE(hand_over_exactly_once),
	KUNIT_CASE(deadlines_race_hand_off),
	KUNIT_CASE(signals_race_hand_off),
	KUNIT_CASE(closes_race_hand_off),
	KUNIT_CASE(random_selects_lose_nothing),
	{}
};

struct kunit_suite goselect_race_suite = {
	.name = "goselect-race",
	.init = gct_init,
	.exit = gct_exit,
	.test_cases = race_cases,
};
