// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - Go's rules for select, as far as one task can tell
 *
 * What may be chosen, how likely it is, and what happens to the cases that are
 * not. None of these selects has to sleep for long.
 */

#include <linux/err.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "goselect_kunit.h"

static void nothing_is_never_ready(struct kunit *test)
{
	struct gst_select *sel = gst_new(test);

	KUNIT_EXPECT_EQ(test, -EAGAIN, goselect_try(NULL, 0));
	KUNIT_EXPECT_EQ(test, -ETIMEDOUT, goselect_until(NULL, 0, GCT_PAST));
	gst_nil(sel);
	gst_send(sel, NULL, 1);
	KUNIT_EXPECT_EQ(test, -EAGAIN, gst_try(sel));
	KUNIT_EXPECT_EQ(test, -ETIMEDOUT, gst_until(sel, GCT_PAST));
	KUNIT_EXPECT_TRUE(test, gst_only(sel, -1));
}

static void not_ready_leaves_all_alone(struct kunit *test)
{
	struct gst_select *sel = gst_new(test);
	struct gochan *full = gct_chan(test, sizeof(u64), 1);
	struct gochan *empty = gct_chan(test, sizeof(u64), 1);
	struct gochan *rendezvous = gct_chan(test, sizeof(u64), 0);

	gst_put(test, full, 1);
	gst_send(sel, full, 2);
	gst_recv(sel, empty);
	gst_send(sel, rendezvous, 3);
	gst_recv(sel, rendezvous);
	KUNIT_EXPECT_EQ(test, -EAGAIN, gst_try(sel));
	KUNIT_EXPECT_TRUE(test, gst_only(sel, -1));
	KUNIT_EXPECT_EQ(test, -ETIMEDOUT, gst_until(sel, GCT_PAST));
	KUNIT_EXPECT_TRUE(test, gst_only(sel, -1));
	GCT_EXPECT_STAT(test, full, 1, 0, 0, false);
	GCT_EXPECT_STAT(test, empty, 0, 0, 0, false);
	GCT_EXPECT_STAT(test, rendezvous, 0, 0, 0, false);
}

/*
 * Of many cases one is ready, each in turn; every other one is switched off and
 * may not shift the rest.
 */

static const unsigned int sizes[] = { 1, 2, 4, 5, 9, GOSELECT_MAX_CASES };

static void size_desc(const unsigned int *n, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u cases", *n);
}

KUNIT_ARRAY_PARAM(size, sizes, size_desc);

static unsigned int param_size(struct kunit *test)
{
	return *(const unsigned int *)test->param_value;
}

/* Receives from channels of capacity 1; odd ones have no channel if @gaps. */
static struct gst_select *receives(struct kunit *test, unsigned int n,
				   bool gaps)
{
	struct gst_select *sel = gst_new(test);
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (gaps && i % 2)
			gst_nil(sel);
		else
			gst_recv(sel, gct_chan(test, sizeof(u64), 1));
	}
	return sel;
}

static void the_ready_receive_is_chosen(struct kunit *test)
{
	struct gst_select *sel = receives(test, param_size(test), true);
	unsigned int i;

	for (i = 0; i < sel->n; i += 2) {
		gst_put(test, sel->cases[i].ch, i + 100);
		KUNIT_EXPECT_EQ(test, (int)i, gst_try(sel));
		KUNIT_EXPECT_TRUE(test, gst_only(sel, i));
		KUNIT_EXPECT_EQ(test, 0, sel->cases[i].err);
		KUNIT_EXPECT_EQ(test, sizeof(u64), sel->cases[i].got);
		KUNIT_EXPECT_TRUE(test, sel->cases[i].ok);
		KUNIT_EXPECT_EQ(test, i + 100ULL, sel->vals[i]);

		/* The same for one that may wait. */
		gst_put(test, sel->cases[i].ch, i + 200);
		KUNIT_EXPECT_EQ(test, (int)i, gst_until(sel, GCT_PAST));
		KUNIT_EXPECT_EQ(test, i + 200ULL, sel->vals[i]);
	}
	KUNIT_EXPECT_EQ(test, -EAGAIN, gst_try(sel));
}

static void the_ready_send_is_chosen(struct kunit *test)
{
	struct gst_select *sel = gst_new(test);
	unsigned int i;
	u64 val;

	for (i = 0; i < param_size(test); i++) {
		struct gochan *ch = gct_chan(test, sizeof(u64), 1);

		gst_put(test, ch, 1);
		gst_send(sel, ch, i + 100);
	}
	for (i = 0; i < sel->n; i++) {
		struct gochan *ch = sel->cases[i].ch;

		KUNIT_EXPECT_EQ(test, 0, gochan_try_recv(ch, NULL, NULL));
		KUNIT_EXPECT_EQ(test, (int)i, gst_try(sel));
		KUNIT_EXPECT_TRUE(test, gst_only(sel, i));
		KUNIT_EXPECT_EQ(test, 0, gochan_try_recv(ch, &val, NULL));
		KUNIT_EXPECT_EQ(test, val, i + 100ULL);
		gst_put(test, ch, 1);
	}
}

/* Somebody asleep on the other side makes a rendezvous channel ready. */
static void sleeper_makes_ready(struct kunit *test)
{
	struct gst_select *sel = gst_new(test);
	struct gochan *ch[3];
	struct gct_op *op;

	gst_chans(test, ch, ARRAY_SIZE(ch), 0);
	gst_recv(sel, ch[0]);
	gst_send(sel, ch[1], 7);
	gst_recv(sel, ch[2]);

	op = gct_park_recv(test, ch[1]);
	KUNIT_EXPECT_EQ(test, 1, gst_try(sel));
	KUNIT_EXPECT_TRUE(test, gst_only(sel, 1));
	KUNIT_EXPECT_EQ(test, 0, gct_finish(test, op));
	KUNIT_EXPECT_EQ(test, op->val, 7ULL);

	op = gct_park_send(test, ch[2], 8);
	KUNIT_EXPECT_EQ(test, 2, gst_try(sel));
	KUNIT_EXPECT_TRUE(test, gst_only(sel, 2));
	KUNIT_EXPECT_EQ(test, sel->vals[2], 8ULL);
	KUNIT_EXPECT_EQ(test, 0, gct_finish(test, op));
}

/*
 * Chance.
 */

static void many_ready_receives_are_as_likely(struct kunit *test)
{
	struct gst_select *sel = receives(test, param_size(test), false);
	unsigned int i, trials = gochan_scaled(10000);
	unsigned int counts[GOSELECT_MAX_CASES] = { };

	for (i = 0; i < sel->n; i++)
		gst_put(test, sel->cases[i].ch, i);
	for (i = 0; i < trials; i++) {
		int index = gst_try(sel);

		KUNIT_ASSERT_GE(test, index, 0);
		counts[index]++;
		gst_put(test, sel->cases[index].ch, index);
	}
	gst_expect_uniform(test, counts, sel->n, trials);
}

/* Whatever makes them ready: data, room, sleepers do not differ; nor does end. */
static void kinds_of_ready_are_as_likely(struct kunit *test)
{
	struct gst_select *sel = gst_new(test);
	unsigned int i, trials = gochan_scaled(10000), counts[4] = { };
	struct gochan *ch[4];
	int err, index;

	gst_chans(test, ch, ARRAY_SIZE(ch), 3);
	gst_put(test, ch[0], 1);
	KUNIT_ASSERT_EQ(test, 0, gochan_close(ch[2]));
	KUNIT_ASSERT_EQ(test, 0, gochan_close(ch[3]));
	gst_recv(sel, ch[0]);
	gst_send(sel, ch[1], 2);
	gst_recv(sel, ch[2]);
	gst_send(sel, ch[3], 4);
	for (i = 0; i < trials; i++) {
		err = gst_try(sel);
		index = err == -EPIPE ? 3 : err;
		KUNIT_ASSERT_GE(test, index, 0);
		KUNIT_ASSERT_TRUE(test, gst_only(sel, index));
		counts[index]++;
		if (index == 0)
			gst_put(test, ch[0], 1);
		if (index == 1)
			KUNIT_ASSERT_EQ(test, 0,
					gochan_try_recv(ch[1], NULL, NULL));
	}
	gst_expect_uniform(test, counts, ARRAY_SIZE(counts), trials);
}

/* A channel in three cases has three tickets. */
static void duplicates_have_a_ticket_each(struct kunit *test)
{
	struct gst_select *sel = gst_new(test);
	unsigned int i, trials = gochan_scaled(10000), counts[4] = { };
	struct gochan *ch[2];

	gst_chans(test, ch, ARRAY_SIZE(ch), 1);
	gst_put(test, ch[0], 1);
	gst_put(test, ch[1], 1);
	for (i = 0; i < 4; i++)
		gst_recv(sel, ch[i == 2]);
	for (i = 0; i < trials; i++) {
		int index = gst_try(sel);

		KUNIT_ASSERT_GE(test, index, 0);
		KUNIT_ASSERT_TRUE(test, gst_only(sel, index));
		counts[index]++;
		gst_put(test, sel->cases[index].ch, 1);
	}
	gst_expect_uniform(test, counts, ARRAY_SIZE(counts), trials);
}

static void first_ready_in_the_callers_order(struct kunit *test)
{
	struct gst_select *sel = receives(test, param_size(test), false);
	unsigned int i, round;

	sel->flags = GOSELECT_FIRST;
	for (i = sel->n; i--; ) {
		gst_put(test, sel->cases[i].ch, i);
		for (round = 0; round < 8; round++) {
			KUNIT_EXPECT_EQ(test, (int)i, gst_try(sel));
			KUNIT_EXPECT_EQ(test, sel->vals[i], (u64)i);
			gst_put(test, sel->cases[i].ch, i);
		}
	}
}

/*
 * Closed channels.
 */

static void closed_receive_drains_then_ends(struct kunit *test)
{
	struct gst_select *sel = gst_new(test);
	struct gochan *ch[2];

	gst_chans(test, ch, ARRAY_SIZE(ch), 2);
	gst_put(test, ch[1], 5);
	KUNIT_ASSERT_EQ(test, 0, gochan_close(ch[1]));
	gst_recv(sel, ch[0]);
	gst_recv(sel, ch[1]);

	KUNIT_EXPECT_EQ(test, 1, gst_try(sel));
	KUNIT_EXPECT_TRUE(test, sel->cases[1].ok);
	KUNIT_EXPECT_EQ(test, sel->vals[1], 5ULL);
	KUNIT_EXPECT_EQ(test, 1, gst_try(sel));
	KUNIT_EXPECT_FALSE(test, sel->cases[1].ok);
	KUNIT_EXPECT_EQ(test, sel->vals[1], 0ULL);
	KUNIT_EXPECT_EQ(test, 1, gst_until(sel, GCT_PAST));
	KUNIT_EXPECT_FALSE(test, sel->cases[1].ok);
	KUNIT_EXPECT_TRUE(test, gst_only(sel, 1));
}

static void closed_send_fails_only_if_chosen(struct kunit *test)
{
	struct gst_select *sel = gst_new(test);
	struct gochan *ch[2];

	gst_chans(test, ch, ARRAY_SIZE(ch), 2);
	gst_put(test, ch[0], 5);
	KUNIT_ASSERT_EQ(test, 0, gochan_close(ch[1]));
	gst_recv(sel, ch[0]);
	gst_send(sel, ch[1], 6);
	sel->flags = GOSELECT_FIRST;
	KUNIT_EXPECT_EQ(test, 0, gst_try(sel));
	KUNIT_EXPECT_EQ(test, sel->cases[1].err, -EAGAIN);
	KUNIT_EXPECT_EQ(test, -EPIPE, gst_try(sel));
	KUNIT_EXPECT_EQ(test, sel->cases[1].err, -EPIPE);
	KUNIT_EXPECT_TRUE(test, gst_only(sel, 1));
	KUNIT_EXPECT_EQ(test, -EPIPE, gst_until(sel, GCT_PAST));
}

/*
 * Both directions of one channel.
 */

static void never_meets_itself(struct kunit *test)
{
	struct gochan *ch = gct_chan(test, sizeof(u64), 0);
	struct gst_select *sel = gst_new(test);
	unsigned int i;

	for (i = 0; i < 3; i++) {
		gst_send(sel, ch, i);
		gst_recv(sel, ch);
	}
	KUNIT_EXPECT_EQ(test, -EAGAIN, gst_try(sel));
	KUNIT_EXPECT_EQ(test, -ETIMEDOUT, gst_until(sel, GCT_PAST));
	KUNIT_EXPECT_TRUE(test, gst_only(sel, -1));
	GCT_EXPECT_STAT(test, ch, 0, 0, 0, false);
}

static void may_receive_what_it_buffered(struct kunit *test)
{
	struct gochan *ch = gct_chan(test, sizeof(u64), 1);
	struct gst_select *sel = gst_new(test);
	unsigned int i;

	gst_send(sel, ch, 9);
	gst_recv(sel, ch);
	for (i = 0; i < 50; i++) {
		KUNIT_EXPECT_EQ(test, 0, gst_until(sel, GCT_PAST));
		GCT_EXPECT_STAT(test, ch, 1, 0, 0, false);
		KUNIT_EXPECT_EQ(test, 1, gst_until(sel, GCT_PAST));
		KUNIT_EXPECT_EQ(test, sel->vals[1], 9ULL);
	}
	GCT_EXPECT_STAT(test, ch, 0, 0, 0, false);
}

/*
 * Messages with a length, and none.
 */

static void lengths_of_messages(struct kunit *test)
{
	struct gochan *ch = gct_chan_varlen(test, 16, 2);
	char in[16], out[] = "five";
	struct goselect_case c;

	c = GOSELECT_SEND_MSG(ch, out, 5);
	KUNIT_EXPECT_EQ(test, 0, goselect_try(&c, 1));
	c = GOSELECT_SEND_MSG(ch, NULL, 0);
	KUNIT_EXPECT_EQ(test, 0, goselect_try(&c, 1));
	c = GOSELECT_RECV_MSG(ch, in, sizeof(in));
	KUNIT_EXPECT_EQ(test, 0, goselect_try(&c, 1));
	KUNIT_EXPECT_EQ(test, c.got, (size_t)5);
	KUNIT_EXPECT_STREQ(test, in, "five");
	/* As it is: @len still says how much room there is. */
	KUNIT_EXPECT_EQ(test, 0, goselect_try(&c, 1));
	KUNIT_EXPECT_EQ(test, c.got, (size_t)0);
	KUNIT_EXPECT_TRUE(test, c.ok);
	KUNIT_EXPECT_EQ(test, 0, gochan_close(ch));
	KUNIT_EXPECT_EQ(test, 0, goselect_try(&c, 1));
	KUNIT_EXPECT_FALSE(test, c.ok);
	KUNIT_EXPECT_EQ(test, c.got, (size_t)0);
}

static void discards_where_nothing_is_wanted(struct kunit *test)
{
	struct gochan *ch = gct_chan(test, sizeof(u64), 2);
	struct goselect_case c = GOSELECT_RECV(ch, NULL);

	gst_put(test, ch, 1);
	KUNIT_EXPECT_EQ(test, 0, goselect_try(&c, 1));
	KUNIT_EXPECT_EQ(test, c.got, sizeof(u64));
	KUNIT_EXPECT_TRUE(test, c.ok);
	KUNIT_EXPECT_EQ(test, 0, gochan_close(ch));
	KUNIT_EXPECT_EQ(test, 0, goselect_try(&c, 1));
	KUNIT_EXPECT_FALSE(test, c.ok);
}

/* One wrong case, behind one that is ready, which must not happen either. */
static void expect_refused(struct kunit *test, struct goselect_case wrong,
			   int err)
{
	struct gochan *ready = gct_chan(test, sizeof(u64), 1);
	struct goselect_case c[3];
	u64 val = GCT_POISON_U64;

	gst_put(test, ready, 1);
	c[0] = GOSELECT_RECV(ready, &val);
	c[1] = wrong;
	c[2] = GOSELECT_RECV(ready, &val);
	KUNIT_EXPECT_EQ(test, err, goselect_try(c, ARRAY_SIZE(c)));
	KUNIT_EXPECT_EQ(test, err, goselect(c, ARRAY_SIZE(c)));
	KUNIT_EXPECT_EQ(test, c[0].err, -EAGAIN);
	KUNIT_EXPECT_EQ(test, c[1].err, err);
	KUNIT_EXPECT_EQ(test, c[2].err, -EAGAIN);
	KUNIT_EXPECT_EQ(test, val, GCT_POISON_U64);
	GCT_EXPECT_STAT(test, ready, 1, 0, 0, false);
}

static void wrong_cases_are_refused(struct kunit *test)
{
	struct gochan *ch = gct_chan(test, sizeof(u64), 1);
	struct gochan *var = gct_chan_varlen(test, 8, 1);
	struct goselect_case c;
	u8 buf[16] = { };

	expect_refused(test, GOSELECT_SEND_MSG(ch, buf, 9), -EMSGSIZE);
	expect_refused(test, GOSELECT_SEND_MSG(ch, buf, 7), -EINVAL);
	expect_refused(test, GOSELECT_SEND_MSG(var, buf, 9), -EMSGSIZE);
	expect_refused(test, GOSELECT_RECV_MSG(ch, buf, 7), -EMSGSIZE);
	expect_refused(test, GOSELECT_RECV_MSG(var, buf, 7), -EMSGSIZE);
	c = GOSELECT_RECV(ch, buf);
	c.dir = GOSELECT_DIR_POLL + 1;
	expect_refused(test, c, -EINVAL);
	GCT_EXPECT_STAT(test, ch, 0, 0, 0, false);
}

static void wrong_calls_are_refused(struct kunit *test)
{
	struct gst_select *sel = receives(test, GOSELECT_MAX_CASES, false);

	KUNIT_EXPECT_EQ(test, -EINVAL,
			goselect_try(sel->cases, GOSELECT_MAX_CASES + 1));
	sel->flags = GOSELECT_FIRST << 1;
	KUNIT_EXPECT_EQ(test, -EINVAL, gst_try(sel));
	sel->flags = 0;
	KUNIT_EXPECT_EQ(test, -EAGAIN, gst_try(sel));
}

static struct kunit_case rules_cases[] = {
	KUNIT_CASE(nothing_is_never_ready),
	KUNIT_CASE(not_ready_leaves_all_alone),
	KUNIT_CASE_PARAM(the_ready_receive_is_chosen, size_gen_params),
	KUNIT_CASE_PARAM(the_ready_send_is_chosen, size_gen_params),
	KUNIT_CASE(sleeper_makes_ready),
	KUNIT_CASE_PARAM(many_ready_receives_are_as_likely, size_gen_params),
	KUNIT_CASE(kinds_of_ready_are_as_likely),
	KUNIT_CASE(duplicates_have_a_ticket_each),
	KUNIT_CASE_PARAM(first_ready_in_the_callers_order, size_gen_params),
	KUNIT_CASE(closed_receive_drains_then_ends),
	KUNIT_CASE(closed_send_fails_only_if_chosen),
	KUNIT_CASE(never_meets_itself),
	KUNIT_CASE(may_receive_what_it_buffered),
	KUNIT_CASE(lengths_of_messages),
	KUNIT_CASE(discards_where_nothing_is_wanted),
	KUNIT_CASE(wrong_cases_are_refused),
	KUNIT_CASE(wrong_calls_are_refused),
	{}
};

struct kunit_suite goselect_rules_suite = {
	.name = "goselect-rules",
	.init = gct_init,
	.exit = gct_exit,
	.test_cases = rules_cases,
};
