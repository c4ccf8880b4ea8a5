// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - slices that share an array
 *
 * What one sees of the other's stores, when they part, and how long the array
 * lives. Freed memory that is still used is for KASAN to find; arrays that are
 * never freed are for kmemleak.
 */

#include <linux/slab.h>

#include "goslice_kunit.h"

static void append_into_spare_capacity_is_seen(struct kunit *test)
{
	struct gst_u64_slice s = gst_numbers(test, 5, 5), t;

	KUNIT_ASSERT_EQ(test, 0, goslice_slice(&t, &s, 0, 2));
	KUNIT_EXPECT_EQ(test, 0, goslice_append(&t, 7, GFP_KERNEL));
	GST_EXPECT_SHAPE(test, &t, 3, 5);
	GST_EXPECT(test, &s, 0, 1, 7, 3, 4);
	KUNIT_EXPECT_PTR_EQ(test, s.array, t.array);
	goslice_put(&t);
	goslice_put(&s);
}

static void two_appends_overwrite_each_other(struct kunit *test)
{
	struct gst_u64_slice s = gst_numbers(test, 2, 4), a, b;

	goslice_share(&a, &s);
	goslice_share(&b, &s);
	KUNIT_EXPECT_EQ(test, 0, goslice_append(&a, 7, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, 0, goslice_append(&b, 8, GFP_KERNEL));
	GST_EXPECT(test, &a, 0, 1, 8);
	GST_EXPECT(test, &b, 0, 1, 8);
	GST_EXPECT(test, &s, 0, 1);
	goslice_put(&a);
	goslice_put(&b);
	goslice_put(&s);
}

static void append_parts_when_there_is_no_room(struct kunit *test)
{
	struct gst_u64_slice s = gst_numbers(test, 3, 3), t;

	goslice_share(&t, &s);
	KUNIT_EXPECT_EQ(test, 0, goslice_append(&t, 7, GFP_KERNEL));
	t.array[0] = 9;
	GST_EXPECT(test, &t, 9, 1, 2, 7);
	GST_EXPECT(test, &s, 0, 1, 2);
	goslice_put(&s);
	GST_EXPECT(test, &t, 9, 1, 2, 7);
	goslice_put(&t);
}

static void a_limit_makes_append_part(struct kunit *test)
{
	struct gst_u64_slice s = gst_numbers(test, 5, 5), t, clipped;

	KUNIT_ASSERT_EQ(test, 0, goslice_slice3(&t, &s, 0, 2, 2));
	KUNIT_ASSERT_EQ(test, 0, goslice_slice(&clipped, &s, 0, 2));
	goslice_clip(&clipped);
	GST_EXPECT_SHAPE(test, &clipped, 2, 2);
	KUNIT_EXPECT_EQ(test, 0, goslice_append(&t, 7, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, 0, goslice_append(&clipped, 8, GFP_KERNEL));
	GST_EXPECT(test, &t, 0, 1, 7);
	GST_EXPECT(test, &clipped, 0, 1, 8);
	GST_EXPECT(test, &s, 0, 1, 2, 3, 4);
	goslice_put(&clipped);
	goslice_put(&t);
	goslice_put(&s);
}

/* What append leaves behind its elements is zero, not the old array's. */
static void append_leaves_old_spare_elements(struct kunit *test)
{
	struct gst_u64_slice s = gst_numbers(test, 4, 4), t;
	static const u64 more[] = { 7, 8, 9 };
	size_t i;

	KUNIT_ASSERT_EQ(test, 0, goslice_slice(&t, &s, 0, 2));
	KUNIT_EXPECT_EQ(test, 0, goslice_append_many(&t, more, 3, GFP_KERNEL));
	GST_EXPECT(test, &t, 0, 1, 7, 8, 9);
	GST_EXPECT(test, &s, 0, 1, 2, 3);
	KUNIT_EXPECT_EQ(test, 0, goslice_slice(&t, &t, 0, goslice_cap(&t)));
	for (i = 5; i < goslice_len(&t); i++)
		KUNIT_EXPECT_EQ(test, t.array[i], 0ULL);
	goslice_put(&t);
	goslice_put(&s);
}

static void grow_keeps_spare_elements(struct kunit *test)
{
	struct gst_u64_slice s = gst_numbers(test, 4, 4), t;
	size_t i;

	KUNIT_ASSERT_EQ(test, 0, goslice_slice(&t, &s, 0, 2));
	KUNIT_EXPECT_EQ(test, 0, goslice_grow(&t, 3, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, goslice_len(&t), (size_t)2);
	KUNIT_EXPECT_GE(test, goslice_cap(&t), (size_t)5);
	KUNIT_EXPECT_PTR_NE(test, t.array, s.array);
	KUNIT_EXPECT_EQ(test, 0, goslice_slice(&t, &t, 0, goslice_cap(&t)));
	for (i = 0; i < goslice_len(&t); i++)
		KUNIT_EXPECT_EQ(test, t.array[i], (u64)(i < 4 ? i : 0));
	goslice_put(&t);
	goslice_put(&s);
}

static void grow_with_room_does_nothing(struct kunit *test)
{
	struct gst_u64_slice s = gst_numbers(test, 2, 5), before = s;

	KUNIT_EXPECT_EQ(test, 0, goslice_grow(&s, 3, 0));
	GST_EXPECT_SAME(test, &s, &before);
	goslice_put(&s);
}

static void a_sub_slice_outlives_its_parent(struct kunit *test)
{
	struct gst_u64_slice s = gst_numbers(test, 100, 100), t, u;

	KUNIT_ASSERT_EQ(test, 0, goslice_slice(&t, &s, 90, 93));
	KUNIT_ASSERT_EQ(test, 0, goslice_slice(&u, &t, 1, 10));
	KUNIT_EXPECT_TRUE(test, gst_count(&s, 100, 1000));
	goslice_put(&s);
	GST_EXPECT(test, &t, 90, 91, 92);
	goslice_put(&t);
	GST_EXPECT(test, &u, 91, 92, 93, 94, 95, 96, 97, 98, 99);
	goslice_put(&u);
}

static void put_makes_nil(struct kunit *test)
{
	struct gst_u64_slice s = gst_numbers(test, 3, 3);

	goslice_put(&s);
	KUNIT_EXPECT_TRUE(test, goslice_is_nil(&s));
	GST_EXPECT_SHAPE(test, &s, 0, 0);
	goslice_put(&s);
}

/* The last owner of an array may do what it likes with all of it. */
static void an_owner_grows_over_what_was_hidden(struct kunit *test)
{
	struct gst_u64_slice s = gst_numbers(test, 2000, 2000);
	size_t i;

	KUNIT_ASSERT_EQ(test, 0, goslice_slice3(&s, &s, 0, 2, 2));
	KUNIT_EXPECT_EQ(test, 0, goslice_append(&s, 7, GFP_KERNEL));
	GST_EXPECT_SHAPE(test, &s, 3, 4);
	KUNIT_EXPECT_EQ(test, 0, goslice_grow(&s, 100, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, 0, goslice_slice(&s, &s, 0, goslice_cap(&s)));
	for (i = 3; i < goslice_len(&s); i++)
		KUNIT_EXPECT_EQ(test, s.array[i], 0ULL);
	goslice_put(&s);
}

static void a_loop_looks_at_the_slice_once(struct kunit *test)
{
	struct gst_u64_slice s = gst_numbers(test, 3, 4);
	u64 *p, sum = 0;

	/* One append in place, then the slice moves and is even put. */
	goslice_for_each(p, &s) {
		sum = sum * 10 + *p;
		KUNIT_EXPECT_EQ(test, 0, goslice_append(&s, 9, GFP_KERNEL));
		if (*p == 1)
			goslice_put(&s);
	}
	KUNIT_EXPECT_EQ(test, sum, 12ULL);
	GST_EXPECT(test, &s, 9);
	goslice_put(&s);
}

static void a_loop_reads_elements_as_they_are(struct kunit *test)
{
	struct gst_u64_slice s = gst_numbers(test, 4, 4);
	u64 *p, sum = 0;

	goslice_for_each(p, &s) {
		s.array[3] = 40;
		sum += *p;
	}
	KUNIT_EXPECT_EQ(test, sum, 43ULL);
	goslice_put(&s);
}

static u64 first_above(struct gst_u64_slice *s, u64 limit)
{
	u64 *p;

	goslice_for_each(p, s)
		if (*p > limit)
			return *p;
	return 0;
}

/* Its reference goes whichever way the loop ends: then the array can grow. */
static void a_loop_can_be_left(struct kunit *test)
{
	struct gst_u64_slice s = GOSLICE_NIL;
	u64 *p, *q, *array, pairs = 0;
	size_t n = gst_fill_pages(test, &s);

	array = s.array;
	KUNIT_EXPECT_EQ(test, first_above(&s, 5), 6ULL);
	goslice_for_each(p, &s)
		if (*p == 3)
			break;
	KUNIT_EXPECT_EQ(test, *p, 3ULL);
	goslice_for_each(p, &s) {
		if (*p == 10)
			goto out;
		goslice_for_each(q, &s) {
			if (*q == 10)
				break;
			pairs++;
		}
	}
out:
	KUNIT_EXPECT_EQ(test, pairs, 100ULL);
	KUNIT_EXPECT_TRUE(test, gst_count(&s, n, n + 1));
	KUNIT_EXPECT_PTR_EQ(test, s.array, array);
	goslice_put(&s);
}

/*
 * Tasks that share one array for a while, each with a slice of its own: every
 * growth and put may be the one that frees it, or the one that owns it.
 */
#define TASKS		4
#define TURNS		20000

struct crew {
	struct gst_u64_slice common;
	u64 bad;
};

static bool one_turn(const struct gst_u64_slice *common, u64 turn)
{
	struct gst_u64_slice s;
	bool good;
	u64 i;

	goslice_share(&s, common);
	good = gst_count(&s, 8, 9 + turn % 8);
	for (i = 0; i < goslice_len(&s); i++)
		good &= s.array[i] == i;
	goslice_put(&s);
	return good;
}

static int crew_fn(struct gct_thread *thread)
{
	struct gst_u64_slice mine;
	struct crew *crew = thread->arg;
	unsigned int i, n = gochan_scaled(TURNS);
	int bad = 0;

	goslice_share(&mine, &crew->common);
	for (i = 0; i < n && !gct_stopping(thread); i++) {
		bad += !one_turn(&mine, i);
		if (i % 64 == 0)
			cond_resched();
	}
	/* Which of the tasks does this last owns the array. */
	bad += !gst_count(&mine, 8, 100);
	bad += goslice_len(&mine) != 100;
	goslice_put(&mine);
	return bad;
}

static void tasks_share_an_array(struct kunit *test)
{
	struct crew *crew = kunit_kzalloc(test, sizeof(*crew), GFP_KERNEL);
	struct gct_thread *threads[TASKS];
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, crew);
	crew->common = gst_numbers(test, 8, 8);
	for (i = 0; i < TASKS; i++)
		threads[i] = gct_start(test, crew_fn, crew);
	for (i = 0; i < TASKS; i++)
		KUNIT_EXPECT_EQ(test, 0, gct_join(test, threads[i]));
	GST_EXPECT(test, &crew->common, 0, 1, 2, 3, 4, 5, 6, 7);
	goslice_put(&crew->common);
}

static struct kunit_case goslice_share_cases[] = {
	KUNIT_CASE(append_into_spare_capacity_is_seen),
	KUNIT_CASE(two_appends_overwrite_each_other),
	KUNIT_CASE(append_parts_when_there_is_no_room),
	KUNIT_CASE(a_limit_makes_append_part),
	KUNIT_CASE(append_leaves_old_spare_elements),
	KUNIT_CASE(grow_keeps_spare_elements),
	KUNIT_CASE(grow_with_room_does_nothing),
	KUNIT_CASE(a_sub_slice_outlives_its_parent),
	KUNIT_CASE(put_makes_nil),
	KUNIT_CASE(an_owner_grows_over_what_was_hidden),
	KUNIT_CASE(a_loop_looks_at_the_slice_once),
	KUNIT_CASE(a_loop_reads_elements_as_they_are),
	KUNIT_CASE(a_loop_can_be_left),
	KUNIT_CASE(tasks_share_an_array),
	{ }
};

struct kunit_suite goslice_share_suite = {
	.name = "goslice_share",
	.init = gct_init,
	.exit = gct_exit,
	.test_cases = goslice_share_cases,
};
