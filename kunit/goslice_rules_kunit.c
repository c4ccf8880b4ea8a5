// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - what a single slice does
 *
 * Making, bounds, reslicing, appending, copying and clearing; nil and empty;
 * elements without a size; and which error is whose.
 */

#include <linux/limits.h>
#include <linux/slab.h>

#include "goslice_kunit.h"

static void make_zeroes_up_to_the_capacity(struct kunit *test)
{
	struct gst_u64_slice s;

	KUNIT_ASSERT_EQ(test, 0, goslice_make(&s, 3, 7, GFP_KERNEL));
	GST_EXPECT_SHAPE(test, &s, 3, 7);
	KUNIT_EXPECT_EQ(test, 0, goslice_slice(&s, &s, 0, 7));
	GST_EXPECT(test, &s, 0, 0, 0, 0, 0, 0, 0);
	goslice_put(&s);
}

/* The capacity of a make is what was asked for, not what the allocator has. */
static void make_is_exact(struct kunit *test)
{
	size_t cap;

	for (cap = 1; cap < 100; cap++) {
		struct gst_u64_slice s;

		KUNIT_ASSERT_EQ(test, 0, goslice_make(&s, 0, cap, GFP_KERNEL));
		GST_EXPECT_SHAPE(test, &s, 0, cap);
		goslice_put(&s);
	}
}

struct bad_make {
	size_t len;
	size_t cap;
	int err;
};

#define TOO_MANY	(GOSLICE_MAX_BYTES / sizeof(u64) + 1)
#define WRAPS		(SIZE_MAX / sizeof(u64) + 2)

static const struct bad_make bad_makes[] = {
	{ 2, 1, -EINVAL },
	{ 1, 0, -EINVAL },
	{ 1, TOO_MANY, -EINVAL },
	{ 1, WRAPS, -EINVAL },
	{ 1, SIZE_MAX, -EINVAL },
	{ TOO_MANY, TOO_MANY, -EOVERFLOW },
	{ TOO_MANY, 1, -EOVERFLOW },
	{ WRAPS, WRAPS, -EOVERFLOW },
	{ SIZE_MAX, SIZE_MAX, -EOVERFLOW },
	{ -1, 5, -EOVERFLOW },
	{ (size_t)LONG_MAX + 1, SIZE_MAX, -EOVERFLOW },
};

static void make_tells_length_from_capacity(struct kunit *test)
{
	const struct gst_u64_slice before = { .slice = { .len = 77 } };
	struct gst_u64_slice s = before;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad_makes); i++)
		KUNIT_EXPECT_EQ(test, bad_makes[i].err,
				goslice_make(&s, bad_makes[i].len,
					     bad_makes[i].cap, GFP_KERNEL));
	GST_EXPECT_SAME(test, &s, &before);
}

static void no_memory_is_an_error_of_its_own(struct kunit *test)
{
	const size_t most = GOSLICE_MAX_BYTES / sizeof(u64);
	struct gst_u64_slice s = gst_numbers(test, 2, 2), other, before = s;

	BUILD_BUG_ON(GOSLICE_MAX_BYTES <= KMALLOC_MAX_SIZE);
	/* Who may not wait gets no more than kmalloc() has, on any machine. */
	KUNIT_EXPECT_EQ(test, -ENOMEM, goslice_make(&other, 0, most,
						    GST_NOWAIT));
	KUNIT_EXPECT_EQ(test, -ENOMEM, goslice_grow(&s, most - 2,
						    GST_NOWAIT));
	GST_EXPECT_SAME(test, &s, &before);
	GST_EXPECT(test, &s, 0, 1);
	goslice_put(&s);
}

/* Where the usual step would go too far, there is still room for a small one. */
static void last_growth_is_to_the_end(struct kunit *test)
{
	const size_t most = GOSLICE_MAX_BYTES / sizeof(u64);
	struct gst_u64_slice s = gst_numbers(test, 2, 2), full = s, before;

	/* No memory for so many, but who may not wait fails before it is read. */
	full.slice.len = most / 10 * 9;
	full.slice.cap = full.slice.len;
	before = full;
	KUNIT_EXPECT_EQ(test, -ENOMEM, goslice_append(&full, 1, GST_NOWAIT));
	KUNIT_EXPECT_EQ(test, -ENOMEM,
			goslice_grow(&full, most - full.slice.len, GST_NOWAIT));
	KUNIT_EXPECT_EQ(test, -EOVERFLOW,
			goslice_grow(&full, most - full.slice.len + 1,
				     GST_NOWAIT));
	GST_EXPECT_SAME(test, &full, &before);
	goslice_put(&s);
}

static void nil_is_not_empty(struct kunit *test)
{
	struct gst_u64_slice nil = GOSLICE_NIL, empty, s;

	KUNIT_ASSERT_EQ(test, 0, goslice_make(&empty, 0, 0, GFP_KERNEL));
	KUNIT_EXPECT_TRUE(test, goslice_is_nil(&nil));
	KUNIT_EXPECT_FALSE(test, goslice_is_nil(&empty));
	GST_EXPECT_SHAPE(test, &nil, 0, 0);
	GST_EXPECT_SHAPE(test, &empty, 0, 0);

	KUNIT_EXPECT_EQ(test, 0, goslice_slice(&s, &nil, 0, 0));
	KUNIT_EXPECT_TRUE(test, goslice_is_nil(&s));
	KUNIT_EXPECT_EQ(test, 0, goslice_slice3(&s, &empty, 0, 0, 0));
	KUNIT_EXPECT_FALSE(test, goslice_is_nil(&s));
	goslice_put(&s);
	KUNIT_EXPECT_TRUE(test, goslice_is_nil(&s));

	/* Both can be appended to. */
	KUNIT_EXPECT_EQ(test, 0, goslice_append(&nil, 1, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, 0, goslice_append(&empty, 2, GFP_KERNEL));
	GST_EXPECT(test, &nil, 1);
	GST_EXPECT(test, &empty, 2);
	goslice_put(&nil);
	goslice_put(&empty);
}

static void nothing_done_keeps_nil(struct kunit *test)
{
	struct gst_u64_slice nil = GOSLICE_NIL, copy;
	u64 *none = NULL;

	KUNIT_EXPECT_EQ(test, 0, goslice_append_many(&nil, none, 0, 0));
	KUNIT_EXPECT_EQ(test, 0, goslice_append_slice(&nil, &nil, 0));
	KUNIT_EXPECT_EQ(test, 0, goslice_grow(&nil, 0, 0));
	KUNIT_EXPECT_EQ(test, 0, goslice_insert_many(&nil, 0, none, 0, 0));
	KUNIT_EXPECT_EQ(test, 0, goslice_replace(&nil, 0, 0, none, 0, 0));
	KUNIT_EXPECT_EQ(test, 0, goslice_delete(&nil, 0, 0));
	KUNIT_EXPECT_EQ(test, (size_t)0, goslice_copy(&nil, &nil));
	goslice_clear(&nil);
	goslice_clip(&nil);
	KUNIT_EXPECT_TRUE(test, goslice_is_nil(&nil));
	KUNIT_EXPECT_EQ(test, 0, goslice_clone(&copy, &nil, 0));
	KUNIT_EXPECT_TRUE(test, goslice_is_nil(&copy));
	goslice_share(&copy, &nil);
	KUNIT_EXPECT_TRUE(test, goslice_is_nil(&copy));
	goslice_put(&copy);
	goslice_put(&nil);
}

static void an_index_is_bounded_by_the_length(struct kunit *test)
{
	struct gst_u64_slice s = gst_numbers(test, 3, 5), nil = GOSLICE_NIL;

	KUNIT_EXPECT_PTR_EQ(test, goslice_at(&s, 0), &s.array[0]);
	KUNIT_EXPECT_PTR_EQ(test, goslice_at(&s, 2), &s.array[2]);
	KUNIT_EXPECT_NULL(test, goslice_at(&s, 3));
	KUNIT_EXPECT_NULL(test, goslice_at(&s, 4));
	KUNIT_EXPECT_NULL(test, goslice_at(&s, -1));
	KUNIT_EXPECT_NULL(test, goslice_at(&nil, 0));
	goslice_put(&s);
}

static void an_array_of_fixed_size_needs_the_length(struct kunit *test)
{
	struct gst_u64_slice s = gst_numbers(test, 3, 5), nil = GOSLICE_NIL;
	u64 (*three)[3] = goslice_fixed(&s, 3);

	KUNIT_ASSERT_NOT_NULL(test, three);
	KUNIT_EXPECT_EQ(test, (*three)[2], 2ULL);
	KUNIT_EXPECT_NULL(test, goslice_fixed(&s, 4));
	KUNIT_EXPECT_NOT_NULL(test, goslice_fixed(&s, 0));
	KUNIT_EXPECT_NULL(test, goslice_fixed(&nil, 0));
	goslice_put(&s);
}

/* Reslicing: all bounds up to one more than the capacity. */
static void reslice_is_bounded_by_the_capacity(struct kunit *test)
{
	struct gst_u64_slice s = gst_numbers(test, 3, 5), t;
	size_t lo, hi, max;
	int err;

	for (lo = 0; lo <= 6; lo++) {
		for (hi = 0; hi <= 6; hi++) {
			err = lo <= hi && hi <= 5 ? 0 : -ERANGE;
			KUNIT_EXPECT_EQ(test, err,
					goslice_slice(&t, &s, lo, hi));
			if (err)
				continue;
			GST_EXPECT_SHAPE(test, &t, hi - lo, 5 - lo);
			/* Not behind the array. */
			KUNIT_EXPECT_PTR_EQ(test, t.array,
					    s.array + (lo < 5 ? lo : 0));
			goslice_put(&t);
		}
	}
	for (lo = 0; lo <= 6; lo++) {
		for (hi = 0; hi <= 6; hi++) {
			for (max = 0; max <= 6; max++) {
				err = lo <= hi && hi <= max && max <= 5 ?
					0 : -ERANGE;
				KUNIT_EXPECT_EQ(test, err,
						goslice_slice3(&t, &s, lo, hi,
							       max));
				if (err)
					continue;
				GST_EXPECT_SHAPE(test, &t, hi - lo, max - lo);
				KUNIT_EXPECT_PTR_EQ(test, t.array, s.array +
						    (lo < max ? lo : 0));
				goslice_put(&t);
			}
		}
	}
	KUNIT_EXPECT_EQ(test, -ERANGE, goslice_slice(&t, &s, -1, 2));
	KUNIT_EXPECT_EQ(test, -ERANGE, goslice_slice(&t, &s, 0, SIZE_MAX));
	goslice_put(&s);
}

static void reslice_shows_elements_again(struct kunit *test)
{
	struct gst_u64_slice s = gst_numbers(test, 5, 5);

	KUNIT_EXPECT_EQ(test, 0, goslice_slice(&s, &s, 1, 2));
	GST_EXPECT(test, &s, 1);
	GST_EXPECT_SHAPE(test, &s, 1, 4);
	KUNIT_EXPECT_EQ(test, 0, goslice_slice(&s, &s, 0, 4));
	GST_EXPECT(test, &s, 1, 2, 3, 4);
	KUNIT_EXPECT_EQ(test, -ERANGE, goslice_slice(&s, &s, 0, 5));
	GST_EXPECT(test, &s, 1, 2, 3, 4);
	goslice_put(&s);
}

static void append_has_three_forms(struct kunit *test)
{
	struct gst_u64_slice s = GOSLICE_NIL;
	static const u64 more[] = { 2, 3, 4 };
	u64 one = 1;

	KUNIT_EXPECT_EQ(test, 0, goslice_append(&s, one, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, 0, goslice_append_many(&s, more, 3, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, 0, goslice_append_slice(&s, &s, GFP_KERNEL));
	GST_EXPECT(test, &s, 1, 2, 3, 4, 1, 2, 3, 4);
	goslice_put(&s);
}

static void append_has_its_example(struct kunit *test)
{
	struct gst_u8_slice x = gst_string(test, "1234", 4), s;

	KUNIT_ASSERT_EQ(test, 0, goslice_slice(&s, &x, 1, 4));
	KUNIT_EXPECT_EQ(test, 0, goslice_append_slice(&s, &x, GFP_KERNEL));
	GST_EXPECT_STRING(test, &s, "2341234");
	GST_EXPECT_STRING(test, &x, "1234");
	goslice_put(&s);
	goslice_put(&x);
}

/* All distances, with the room there and without. */
static void append_reads_its_source_first(struct kunit *test)
{
	size_t cap, from, n, i;

	for (cap = 6; cap <= 12; cap += 6) {
		for (from = 0; from < 6; from++) {
			for (n = 1; from + n <= 6; n++) {
				struct gst_u64_slice s, t;

				s = gst_numbers(test, 6, cap);
				KUNIT_ASSERT_EQ(test, 0,
						goslice_slice(&t, &s, 1, 4));
				KUNIT_EXPECT_EQ(test, 0, goslice_append_many
						(&t, s.array + from, n,
						 GFP_KERNEL));
				for (i = 0; i < n; i++)
					KUNIT_EXPECT_EQ(test, t.array[3 + i],
							(u64)from + i);
				goslice_put(&t);
				goslice_put(&s);
			}
		}
	}
}

static void length_overflow_is_an_error(struct kunit *test)
{
	struct gst_u64_slice s = gst_numbers(test, 2, 2), before = s;
	u64 x = 0;

	KUNIT_EXPECT_EQ(test, -EOVERFLOW,
			goslice_append_many(&s, &x, SIZE_MAX, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, -EOVERFLOW,
			goslice_append_many(&s, &x, LONG_MAX, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, -EOVERFLOW,
			goslice_append_many(&s, &x, WRAPS, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, -EOVERFLOW,
			goslice_append_many(&s, &x, TOO_MANY, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, -EOVERFLOW,
			goslice_insert_many(&s, 1, &x, SIZE_MAX, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, -EOVERFLOW, goslice_grow(&s, -1, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, -EOVERFLOW,
			goslice_grow(&s, LONG_MAX, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, -EOVERFLOW,
			goslice_grow(&s, TOO_MANY - 2, GFP_KERNEL));
	GST_EXPECT_SAME(test, &s, &before);
	GST_EXPECT(test, &s, 0, 1);
	goslice_put(&s);
}

static void elements_without_size_take_no_memory(struct kunit *test)
{
	struct gst_none_slice s = GOSLICE_NIL, t;
	struct gst_none none[3], *p;
	size_t turns = 0;

	KUNIT_EXPECT_EQ(test, 0, goslice_append(&s, none[0], 0));
	KUNIT_EXPECT_FALSE(test, goslice_is_nil(&s));
	GST_EXPECT_SHAPE(test, &s, 1, 1);
	KUNIT_EXPECT_EQ(test, 0, goslice_append_many(&s, none, 3, 0));
	GST_EXPECT_SHAPE(test, &s, 4, 4);
	KUNIT_EXPECT_EQ(test, 0, goslice_insert(&s, 2, none[0], 0));
	GST_EXPECT_SHAPE(test, &s, 5, 5);
	KUNIT_EXPECT_EQ(test, 0, goslice_replace(&s, 1, 2, none, 3, 0));
	GST_EXPECT_SHAPE(test, &s, 7, 7);
	KUNIT_EXPECT_EQ(test, 0, goslice_replace(&s, 0, 3, none, 1, 0));
	GST_EXPECT_SHAPE(test, &s, 5, 7);
	KUNIT_EXPECT_EQ(test, 0, goslice_delete(&s, 0, 2));
	GST_EXPECT_SHAPE(test, &s, 3, 7);
	goslice_for_each(p, &s)
		turns += p == s.array;
	KUNIT_EXPECT_EQ(test, turns, (size_t)3);
	KUNIT_EXPECT_EQ(test, (size_t)3, goslice_copy(&s, &s));
	goslice_put(&s);

	KUNIT_EXPECT_EQ(test, 0, goslice_make(&t, LONG_MAX, LONG_MAX, 0));
	KUNIT_EXPECT_FALSE(test, goslice_is_nil(&t));
	KUNIT_EXPECT_EQ(test, -EOVERFLOW, goslice_append(&t, none[0], 0));
	KUNIT_EXPECT_EQ(test, -EOVERFLOW, goslice_grow(&t, 1, 0));
	KUNIT_EXPECT_EQ(test, (size_t)LONG_MAX, goslice_len(&t));
	KUNIT_EXPECT_EQ(test, -EOVERFLOW,
			goslice_make(&s, SIZE_MAX, SIZE_MAX, 0));
	goslice_put(&t);
}

static void copy_moves_the_lesser_length(struct kunit *test)
{
	struct gst_u64_slice s = gst_numbers(test, 4, 6), nil = GOSLICE_NIL, t;

	KUNIT_ASSERT_EQ(test, 0, goslice_make(&t, 2, 8, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, (size_t)2, goslice_copy(&t, &s));
	GST_EXPECT(test, &t, 0, 1);
	KUNIT_EXPECT_EQ(test, 0, goslice_slice(&t, &t, 0, 8));
	GST_EXPECT(test, &t, 0, 1, 0, 0, 0, 0, 0, 0);
	t.array[0] = 9;
	KUNIT_EXPECT_EQ(test, (size_t)4, goslice_copy(&t, &s));
	GST_EXPECT(test, &t, 0, 1, 2, 3, 0, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, (size_t)0, goslice_copy(&t, &nil));
	KUNIT_EXPECT_EQ(test, (size_t)0, goslice_copy(&nil, &t));
	goslice_put(&t);
	goslice_put(&s);
}

static void copy_overlaps_in_both_directions(struct kunit *test)
{
	struct gst_u64_slice s = gst_numbers(test, 5, 5), t;

	KUNIT_ASSERT_EQ(test, 0, goslice_slice(&t, &s, 1, 5));
	KUNIT_EXPECT_EQ(test, (size_t)4, goslice_copy(&s, &t));
	GST_EXPECT(test, &s, 1, 2, 3, 4, 4);
	KUNIT_EXPECT_EQ(test, (size_t)4, goslice_copy(&t, &s));
	GST_EXPECT(test, &s, 1, 1, 2, 3, 4);
	goslice_put(&t);
	goslice_put(&s);
}

static void clear_stops_at_the_length(struct kunit *test)
{
	struct gst_u64_slice s = gst_numbers(test, 5, 5), t;

	KUNIT_ASSERT_EQ(test, 0, goslice_slice(&t, &s, 1, 3));
	goslice_clear(&t);
	GST_EXPECT(test, &t, 0, 0);
	GST_EXPECT(test, &s, 0, 0, 0, 3, 4);
	goslice_put(&t);
	goslice_put(&s);
}

static void elements_are_of_any_type(struct kunit *test)
{
	static const char *const words[] = { "rise", "and", "shine" };
	const struct gst_point one = { 1, 2, 3 }, two = { 4, 5, 6 };
	struct gst_point_slice points = GOSLICE_NIL;
	struct gst_ptr_slice ptrs = GOSLICE_NIL;
	const char *none = NULL;

	KUNIT_EXPECT_EQ(test, 0, goslice_append(&points, one, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, 0, goslice_insert(&points, 0, two, GFP_KERNEL));
	GST_EXPECT(test, &points, { 4, 5, 6 }, { 1, 2, 3 });
	KUNIT_EXPECT_EQ(test, 0, goslice_append_many(&ptrs, words, 3,
						     GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, 0, goslice_append(&ptrs, none, GFP_KERNEL));
	KUNIT_EXPECT_PTR_EQ(test, ptrs.array[2], words[2]);
	KUNIT_EXPECT_NULL(test, ptrs.array[3]);
	goslice_put(&ptrs);
	goslice_put(&points);
}

static struct kunit_case goslice_rules_cases[] = {
	KUNIT_CASE(make_zeroes_up_to_the_capacity),
	KUNIT_CASE(make_is_exact),
	KUNIT_CASE(make_tells_length_from_capacity),
	KUNIT_CASE(no_memory_is_an_error_of_its_own),
	KUNIT_CASE(last_growth_is_to_the_end),
	KUNIT_CASE(nil_is_not_empty),
	KUNIT_CASE(nothing_done_keeps_nil),
	KUNIT_CASE(an_index_is_bounded_by_the_length),
	KUNIT_CASE(an_array_of_fixed_size_needs_the_length),
	KUNIT_CASE(reslice_is_bounded_by_the_capacity),
	KUNIT_CASE(reslice_shows_elements_again),
	KUNIT_CASE(append_has_three_forms),
	KUNIT_CASE(append_has_its_example),
	KUNIT_CASE(append_reads_its_source_first),
	KUNIT_CASE(length_overflow_is_an_error),
	KUNIT_CASE(elements_without_size_take_no_memory),
	KUNIT_CASE(copy_moves_the_lesser_length),
	KUNIT_CASE(copy_overlaps_in_both_directions),
	KUNIT_CASE(clear_stops_at_the_length),
	KUNIT_CASE(elements_are_of_any_type),
	{ }
};

struct kunit_suite goslice_rules_suite = {
	.name = "goslice_rules",
	.test_cases = goslice_rules_cases,
};
