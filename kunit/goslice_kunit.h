/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the goslice suites share: types of slices, and comparisons of a whole
 * slice at once.
 */

#ifndef _GOSLICE_KUNIT_H
#define _GOSLICE_KUNIT_H

#include <linux/goslice.h>
#include <linux/log2.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "gochan_kunit.h"

extern struct kunit_suite goslice_rules_suite;
extern struct kunit_suite goslice_share_suite;
extern struct kunit_suite goslice_edit_suite;
extern struct kunit_suite goslice_growth_suite;
extern struct kunit_suite goslice_model_suite;
extern struct kunit_suite goslice_fail_suite;

struct gst_none { };

struct gst_point {
	u32 x;
	u32 y;
	u32 z;
};

DEFINE_GOSLICE(gst_u8, u8);
DEFINE_GOSLICE(gst_u32, u32);
DEFINE_GOSLICE(gst_u64, u64);
DEFINE_GOSLICE(gst_none, struct gst_none);
DEFINE_GOSLICE(gst_point, struct gst_point);
DEFINE_GOSLICE(gst_ptr, const char *);

/* Allocates or fails at once. */
#define GST_NOWAIT	(GFP_NOWAIT | __GFP_NOWARN)

/* Is a slice as long as this, and with this capacity? */
#define GST_EXPECT_SHAPE(test, s, want_len, want_cap)			\
do {									\
	const struct goslice *__shape = &(s)->slice;			\
	struct kunit *__test = (test);					\
									\
	KUNIT_EXPECT_EQ(__test, __shape->len, (size_t)(want_len));	\
	KUNIT_EXPECT_EQ(__test, __shape->cap, (size_t)(want_cap));	\
} while (0)

/* Has a slice these elements, all of them? */
static inline bool gst_equal(const struct goslice *s, const void *want,
			     size_t len, size_t size)
{
	return s->len == len && (!len || !memcmp(s->array, want, len * size));
}

#define GST_EXPECT(test, s, ...)					\
do {									\
	typeof(s) __slice = (s);					\
	const typeof(*__slice->array) __want[] = { __VA_ARGS__ };	\
									\
	KUNIT_EXPECT_TRUE(test, gst_equal(&__slice->slice, __want,	\
					  ARRAY_SIZE(__want),		\
					  sizeof(*__slice->array)));	\
} while (0)

/* Has a slice the same members as this copy of it? */
#define GST_EXPECT_SAME(test, s, copy)					\
	KUNIT_EXPECT_EQ(test, 0, memcmp(&(s)->slice, &(copy)->slice,	\
					sizeof((s)->slice)))

/* Append the numbers from @from to before @to; true if all went well. */
static inline bool gst_count(struct gst_u64_slice *s, u64 from, u64 to)
{
	for (; from < to; from++)
		if (goslice_append(s, from, GFP_KERNEL))
			return false;
	return true;
}

/* A slice of the numbers from 0 on, with spare capacity of zeros. */
static inline struct gst_u64_slice gst_numbers(struct kunit *test, size_t len,
					       size_t cap)
{
	struct gst_u64_slice s;
	size_t i;

	KUNIT_ASSERT_EQ(test, 0, goslice_make(&s, len, cap, GFP_KERNEL));
	for (i = 0; i < len; i++)
		s.array[i] = i;
	return s;
}

/*
 * Fill a nil slice of numbers to its capacity, with memory behind it where its
 * owner can grow by a step; return how many there are.
 */
static inline size_t gst_fill_pages(struct kunit *test, struct gst_u64_slice *s)
{
	/* From a power of two on the next step stays below the next one. */
	size_t bytes = roundup_pow_of_two(KMALLOC_MAX_CACHE_SIZE + 1);

	KUNIT_ASSERT_TRUE(test, gst_count(s, 0, bytes / sizeof(u64) + 1));
	KUNIT_ASSERT_TRUE(test, gst_count(s, goslice_len(s), goslice_cap(s)));
	return goslice_len(s);
}

/* The same of bytes, from a string. */
static inline struct gst_u8_slice gst_string(struct kunit *test,
					     const char *string, size_t cap)
{
	size_t len = strlen(string);
	struct gst_u8_slice s;

	KUNIT_ASSERT_EQ(test, 0, goslice_make(&s, len, cap, GFP_KERNEL));
	memcpy(s.array, string, len);
	return s;
}

#define GST_EXPECT_STRING(test, s, want)				\
do {									\
	const char *__str = (want);					\
									\
	KUNIT_EXPECT_TRUE(test, gst_equal(&(s)->slice, __str,		\
					  strlen(__str), 1));		\
} while (0)

#endif /* _GOSLICE_KUNIT_H */
