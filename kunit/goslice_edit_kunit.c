// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - slices cut and pasted
 *
 * Insertion and replacement, with sources that overlap in all ways, deletion,
 * clones and concatenation.
 */

#include <linux/slab.h>

#include "goslice_kunit.h"

static void insert_at_each_place(struct kunit *test)
{
	struct gst_u8_slice s = GOSLICE_NIL;

	KUNIT_EXPECT_EQ(test, 0, goslice_insert(&s, 0, 'c', GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, 0, goslice_insert(&s, 0, 'a', GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, 0, goslice_insert(&s, 1, 'b', GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, 0, goslice_insert(&s, 3, 'd', GFP_KERNEL));
	GST_EXPECT_STRING(test, &s, "abcd");
	KUNIT_EXPECT_EQ(test, -ERANGE, goslice_insert(&s, 5, 'x', GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, -ERANGE, goslice_insert(&s, -1, 'x', GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, -ERANGE, goslice_insert_many(&s, 5, s.array, 0,
							   GFP_KERNEL));
	GST_EXPECT_STRING(test, &s, "abcd");
	goslice_put(&s);
}

/*
 * Each source within the slice and its spare capacity, at each place, with
 * room and without: as if the source had been copied away first.
 */
#define DIGITS		"0123456789"

static void insert_one_way(struct kunit *test, size_t cap, size_t at,
			   size_t from, size_t n)
{
	struct gst_u8_slice s = gst_string(test, DIGITS, cap);
	char want[32] = "";

	KUNIT_ASSERT_EQ(test, 0, goslice_slice(&s, &s, 0, 6));
	memcpy(want, DIGITS, at);
	memcpy(want + at, DIGITS + from, n);
	memcpy(want + at + n, DIGITS + at, 6 - at);
	KUNIT_EXPECT_EQ(test, 0, goslice_insert_many(&s, at, s.array + from, n,
						     GFP_KERNEL));
	GST_EXPECT_STRING(test, &s, want);
	goslice_put(&s);
}

static void insert_reads_its_source_first(struct kunit *test)
{
	size_t cap, at, from, n;

	for (cap = 10; cap <= 20; cap += 10)
		for (at = 0; at <= 6; at++)
			for (from = 0; from < 10; from++)
				for (n = 1; from + n <= 10; n++)
					insert_one_way(test, cap, at, from, n);
}

static void insert_with_room_is_seen(struct kunit *test)
{
	struct gst_u8_slice s = gst_string(test, "abcdef", 6), t;

	KUNIT_ASSERT_EQ(test, 0, goslice_slice(&t, &s, 1, 4));
	KUNIT_EXPECT_EQ(test, 0, goslice_insert(&t, 1, 'x', GFP_KERNEL));
	GST_EXPECT_STRING(test, &t, "bxcd");
	GST_EXPECT_STRING(test, &s, "abxcdf");
	/* And without, what is shared is left alone. */
	KUNIT_EXPECT_EQ(test, 0, goslice_insert_many(&t, 0, (u8 *)"yz", 2,
						     GFP_KERNEL));
	GST_EXPECT_STRING(test, &t, "yzbxcd");
	GST_EXPECT_STRING(test, &s, "abxcdf");
	goslice_put(&t);
	goslice_put(&s);
}

static void insert_grows_like_append(struct kunit *test)
{
	struct gst_u64_slice s = gst_numbers(test, 300, 300), t;

	KUNIT_ASSERT_EQ(test, 0, goslice_clone(&t, &s, GFP_KERNEL));
	goslice_clip(&t);
	KUNIT_EXPECT_EQ(test, 0, goslice_insert(&s, 9, 7, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, 0, goslice_append(&t, 7, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, goslice_cap(&s), goslice_cap(&t));
	goslice_put(&t);
	goslice_put(&s);
}

static void replace_by_more_fewer_and_as_many(struct kunit *test)
{
	struct gst_u8_slice s = gst_string(test, "abcdef", 6);

	KUNIT_EXPECT_EQ(test, 0, goslice_replace(&s, 1, 3, (u8 *)"BC", 2, 0));
	GST_EXPECT_STRING(test, &s, "aBCdef");
	KUNIT_EXPECT_EQ(test, 0, goslice_replace(&s, 0, 3, (u8 *)"x", 1, 0));
	GST_EXPECT_STRING(test, &s, "xdef");
	KUNIT_EXPECT_EQ(test, 0, goslice_replace(&s, 3, 4, (u8 *)"123", 3, 0));
	GST_EXPECT_STRING(test, &s, "xde123");
	GST_EXPECT_SHAPE(test, &s, 6, 6);
	KUNIT_EXPECT_EQ(test, 0, goslice_replace(&s, 6, 6, (u8 *)"4", 1,
						 GFP_KERNEL));
	GST_EXPECT_STRING(test, &s, "xde1234");
	KUNIT_EXPECT_EQ(test, 0, goslice_replace(&s, 1, 7, s.array, 0, 0));
	GST_EXPECT_STRING(test, &s, "x");
	goslice_put(&s);
}

static void replace_is_bounded_by_the_length(struct kunit *test)
{
	struct gst_u8_slice s = gst_string(test, "abcde", 8);
	struct gst_u8_slice before = s;

	KUNIT_EXPECT_EQ(test, -ERANGE,
			goslice_replace(&s, 0, 6, s.array, 1, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, -ERANGE,
			goslice_replace(&s, 3, 2, s.array, 1, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, -ERANGE,
			goslice_replace(&s, -1, 2, s.array, 1, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, -ERANGE,
			goslice_replace(&s, 6, 6, s.array, 0, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, -EOVERFLOW,
			goslice_replace(&s, 1, 3, s.array, SIZE_MAX,
					GFP_KERNEL));
	GST_EXPECT_SAME(test, &s, &before);
	GST_EXPECT_STRING(test, &s, "abcde");
	goslice_put(&s);
}

/* As for insert, and for each part that may be replaced. */
static void replace_one_way(struct kunit *test, size_t cap, size_t i, size_t j,
			    size_t from, size_t n)
{
	struct gst_u8_slice s = gst_string(test, DIGITS, cap), all;
	char want[32] = "";

	KUNIT_ASSERT_EQ(test, 0, goslice_slice(&s, &s, 0, 6));
	goslice_share(&all, &s);
	memcpy(want, DIGITS, i);
	memcpy(want + i, DIGITS + from, n);
	memcpy(want + i + n, DIGITS + j, 6 - j);
	KUNIT_EXPECT_EQ(test, 0, goslice_replace(&s, i, j, s.array + from, n,
						 GFP_KERNEL));
	GST_EXPECT_STRING(test, &s, want);
	/* Behind it all is zero up to the old length, and as it was from there. */
	if (s.array == all.array && n < j - i) {
		KUNIT_ASSERT_EQ(test, 0, goslice_slice(&all, &all, 0, 10));
		memset(want + 6 - (j - i) + n, 0, j - i - n);
		memcpy(want + 6, DIGITS + 6, 4);
		KUNIT_EXPECT_EQ(test, 0, memcmp(all.array, want, 10));
	} else if (s.array != all.array) {
		GST_EXPECT_STRING(test, &all, "012345");
	}
	goslice_put(&all);
	goslice_put(&s);
}

static void replace_reads_its_source_first(struct kunit *test)
{
	size_t cap, i, j, from, n;

	for (cap = 10; cap <= 20; cap += 5)
		for (j = 0; j <= 6; j++)
			for (i = 0; i <= j; i++)
				for (from = 0; from < 10; from++)
					for (n = 0; from + n <= 10; n++)
						replace_one_way(test, cap, i, j,
								from, n);
}

static void replace_grows_like_append(struct kunit *test)
{
	struct gst_u64_slice s = gst_numbers(test, 300, 300), t;
	u64 more[3] = { 7, 8, 9 };

	KUNIT_ASSERT_EQ(test, 0, goslice_clone(&t, &s, GFP_KERNEL));
	goslice_clip(&t);
	KUNIT_EXPECT_EQ(test, 0, goslice_replace(&s, 4, 6, more, 3,
						 GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, 0, goslice_append(&t, 7, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, goslice_len(&s), (size_t)301);
	KUNIT_EXPECT_EQ(test, goslice_cap(&s), goslice_cap(&t));
	goslice_put(&t);
	goslice_put(&s);
}

static void delete_is_bounded_by_the_length(struct kunit *test)
{
	struct gst_u8_slice s = gst_string(test, "abcde", 8);
	struct gst_u8_slice before = s;

	KUNIT_EXPECT_EQ(test, -ERANGE, goslice_delete(&s, 0, 6));
	KUNIT_EXPECT_EQ(test, -ERANGE, goslice_delete(&s, 3, 2));
	KUNIT_EXPECT_EQ(test, -ERANGE, goslice_delete(&s, -1, 2));
	KUNIT_EXPECT_EQ(test, -ERANGE, goslice_delete(&s, 6, 6));
	KUNIT_EXPECT_EQ(test, 0, goslice_delete(&s, 5, 5));
	GST_EXPECT_SAME(test, &s, &before);
	GST_EXPECT_STRING(test, &s, "abcde");
	goslice_put(&s);
}

static void delete_zeroes_what_it_vacates(struct kunit *test)
{
	struct gst_u8_slice s = gst_string(test, "abcdefgh", 8), t;

	KUNIT_ASSERT_EQ(test, 0, goslice_slice(&t, &s, 0, 6));
	KUNIT_EXPECT_EQ(test, 0, goslice_delete(&t, 1, 3));
	GST_EXPECT_STRING(test, &t, "adef");
	GST_EXPECT_SHAPE(test, &t, 4, 8);
	/* Not beyond the old length. */
	GST_EXPECT(test, &s, 'a', 'd', 'e', 'f', 0, 0, 'g', 'h');
	KUNIT_EXPECT_EQ(test, 0, goslice_delete(&t, 0, 4));
	GST_EXPECT(test, &s, 0, 0, 0, 0, 0, 0, 'g', 'h');
	KUNIT_EXPECT_FALSE(test, goslice_is_nil(&t));
	goslice_put(&t);
	goslice_put(&s);
}

static void a_clone_has_its_own_array(struct kunit *test)
{
	struct gst_u64_slice s = gst_numbers(test, 5, 9), t;

	KUNIT_ASSERT_EQ(test, 0, goslice_clone(&t, &s, GFP_KERNEL));
	s.array[0] = 9;
	GST_EXPECT(test, &t, 0, 1, 2, 3, 4);
	KUNIT_EXPECT_EQ(test, goslice_cap(&t), kmalloc_size_roundup(40) / 8);
	goslice_put(&t);

	KUNIT_ASSERT_EQ(test, 0, goslice_slice(&s, &s, 2, 2));
	KUNIT_ASSERT_EQ(test, 0, goslice_clone(&t, &s, GFP_KERNEL));
	KUNIT_EXPECT_FALSE(test, goslice_is_nil(&t));
	GST_EXPECT_SHAPE(test, &t, 0, 0);
	goslice_put(&t);
	goslice_put(&s);
}

static void concat_of_nothing_is_nil(struct kunit *test)
{
	struct gst_u64_slice nil = GOSLICE_NIL, empty, s;
	struct gst_u64_slice *srcs[] = { &nil, &empty };

	KUNIT_ASSERT_EQ(test, 0, goslice_make(&empty, 0, 0, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, 0, goslice_concat(&s, srcs, 0, GFP_KERNEL));
	KUNIT_EXPECT_TRUE(test, goslice_is_nil(&s));
	KUNIT_EXPECT_EQ(test, 0, goslice_concat(&s, srcs, 2, GFP_KERNEL));
	KUNIT_EXPECT_TRUE(test, goslice_is_nil(&s));
	goslice_put(&s);
	goslice_put(&empty);
}

static void concat_has_all_in_order(struct kunit *test)
{
	struct gst_u64_slice a = gst_numbers(test, 3, 9), b = GOSLICE_NIL, s;
	struct gst_u64_slice *srcs[] = { &a, &b, &a };

	KUNIT_EXPECT_EQ(test, 0, goslice_append(&b, 7, GFP_KERNEL));
	KUNIT_ASSERT_EQ(test, 0, goslice_concat(&s, srcs, 3, GFP_KERNEL));
	GST_EXPECT(test, &s, 0, 1, 2, 7, 0, 1, 2);
	goslice_put(&s);
	goslice_put(&b);
	goslice_put(&a);
}

static void concat_can_be_too_long(struct kunit *test)
{
	struct gst_none_slice half, s = GOSLICE_NIL, before = s;
	struct gst_none_slice *srcs[] = { &half, &half, &half };

	KUNIT_ASSERT_EQ(test, 0, goslice_make(&half, LONG_MAX, LONG_MAX, 0));
	KUNIT_EXPECT_EQ(test, -EOVERFLOW, goslice_concat(&s, srcs, 2, 0));
	KUNIT_EXPECT_EQ(test, -EOVERFLOW, goslice_concat(&s, srcs, 3, 0));
	GST_EXPECT_SAME(test, &s, &before);
}

static struct kunit_case goslice_edit_cases[] = {
	KUNIT_CASE(insert_at_each_place),
	KUNIT_CASE(insert_reads_its_source_first),
	KUNIT_CASE(insert_with_room_is_seen),
	KUNIT_CASE(insert_grows_like_append),
	KUNIT_CASE(replace_by_more_fewer_and_as_many),
	KUNIT_CASE(replace_is_bounded_by_the_length),
	KUNIT_CASE(replace_reads_its_source_first),
	KUNIT_CASE(replace_grows_like_append),
	KUNIT_CASE(delete_is_bounded_by_the_length),
	KUNIT_CASE(delete_zeroes_what_it_vacates),
	KUNIT_CASE(a_clone_has_its_own_array),
	KUNIT_CASE(concat_of_nothing_is_nil),
	KUNIT_CASE(concat_has_all_in_order),
	KUNIT_CASE(concat_can_be_too_long),
	{ }
};

struct kunit_suite goslice_edit_suite = {
	.name = "goslice_edit",
	.test_cases = goslice_edit_cases,
};
