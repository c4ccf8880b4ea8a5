// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - how slices grow
 *
 * The numbers are those of Go: raw capacities, and with Go's size classes the
 * ones its programs see. With the classes of this kernel's allocator they are
 * others, from the same formula.
 */

#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "goslice_kunit.h"

static const struct {
	size_t new_len;
	size_t old_cap;
	size_t cap;
} spots[] = {
	{ 5, 0, 5 },		{ 9, 4, 9 },
	{ 256, 255, 510 },	{ 257, 256, 512 },
	{ 512, 256, 512 },	{ 513, 256, 513 },
	{ 500, 300, 567 },	{ 600, 300, 900 },
	{ 601, 300, 601 },	{ 1024, 512, 1232 },
	{ 1025, 512, 1025 },	{ 2000, 1000, 2684 },
	/* Near the end of what a length can be. */
	{ LONG_MAX, LONG_MAX - 1, LONG_MAX },
	{ LONG_MAX, LONG_MAX / 2 + 1, LONG_MAX },
	{ LONG_MAX, LONG_MAX / 4, LONG_MAX },
};

static void spot_values(struct kunit *test)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(spots); i++)
		KUNIT_EXPECT_EQ(test, spots[i].cap,
				goslice_nextcap(spots[i].new_len,
						spots[i].old_cap));
}

static void one_by_one(struct kunit *test)
{
	static const size_t caps[] = {
		0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 832, 1232, 1732, 2357,
		3138, 4114, 5334, 6859,
	};
	size_t i;

	for (i = 1; i < ARRAY_SIZE(caps); i++)
		KUNIT_EXPECT_EQ(test, caps[i],
				goslice_nextcap(caps[i - 1] + 1, caps[i - 1]));
}

/* Go's own size classes; above the largest it has pages of 8 KiB. */
static const u16 go_classes[] = {
	8, 16, 24, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224,
	240, 256, 288, 320, 352, 384, 416, 448, 480, 512, 576, 640, 704, 768,
	896, 1024, 1152, 1280, 1408, 1536, 1792, 2048, 2304, 2688, 3072, 3200,
	3456, 4096, 4864, 5376, 6144, 6528, 6784, 6912, 8192, 9472, 9728,
	10240, 10880, 12288, 13568, 14336, 16384, 18432, 19072, 20480, 21760,
	24576, 27264, 28672, 32768,
};

static size_t go_rounded(size_t bytes)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(go_classes); i++)
		if (bytes <= go_classes[i])
			return go_classes[i];
	return ALIGN(bytes, 8192);
}

static void expect_go(struct kunit *test, size_t size, const size_t *caps,
		      size_t nr)
{
	size_t i;

	for (i = 1; i < nr; i++)
		KUNIT_EXPECT_EQ(test, caps[i],
				go_rounded(goslice_nextcap(caps[i - 1] + 1,
							   caps[i - 1]) *
					   size) / size);
}

static void as_in_go_with_its_classes(struct kunit *test)
{
	static const size_t eight[] = {
		256, 512, 848, 1280, 1792, 2560, 3408, 5120, 7168, 9216, 12288,
	};
	static const size_t four[] = {
		2, 4, 8, 16, 32, 64, 128, 256, 512, 864, 1344, 2048, 3072, 4096,
	};
	static const size_t one[] = {
		0, 8, 16, 32, 64, 128, 256, 512, 896, 1408, 2048, 3072, 4096,
	};

	expect_go(test, 8, eight, ARRAY_SIZE(eight));
	expect_go(test, 4, four, ARRAY_SIZE(four));
	expect_go(test, 1, one, ARRAY_SIZE(one));
}

/* What this kernel's allocator sets aside. */
static size_t rounded(size_t bytes)
{
	return bytes <= KMALLOC_MAX_CACHE_SIZE ? kmalloc_size_roundup(bytes) :
						 PAGE_ALIGN(bytes);
}

/* Append @n elements one at a time to nil; each new capacity is the next. */
#define EXPECT_CURVE(test, type, n)					\
do {									\
	struct gst_##type##_slice __slice = GOSLICE_NIL;		\
	size_t __i, __cap = 0, __size = sizeof(*__slice.array);		\
	struct kunit *__test = (test);					\
	typeof(*__slice.array) __zero;					\
									\
	memset(&__zero, 0, sizeof(__zero));				\
	for (__i = 0; __i < (n); __i++) {				\
		KUNIT_ASSERT_EQ(__test, 0, goslice_append(&__slice, __zero, \
							  GFP_KERNEL));	\
		if (__i + 1 > __cap)					\
			__cap = rounded(goslice_nextcap(__i + 1, __cap) * \
					__size) / __size;		\
		KUNIT_ASSERT_EQ(__test, goslice_cap(&__slice), __cap);	\
	}								\
	goslice_put(&__slice);						\
} while (0)

static void as_here_with_our_classes(struct kunit *test)
{
	EXPECT_CURVE(test, u8, 50000);
	EXPECT_CURVE(test, u32, 50000);
	EXPECT_CURVE(test, u64, 50000);
	EXPECT_CURVE(test, point, 50000);
}

/* The same in numbers, for the classes that nearly every kernel has. */
static void in_numbers(struct kunit *test)
{
	static const size_t caps[] = {
		1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1536, 2560, 3584,
	};
	struct gst_u64_slice s = GOSLICE_NIL;
	size_t i;

	if (kmalloc_size_roundup(1) != 8 || PAGE_SIZE != 4096 ||
	    KMALLOC_MAX_CACHE_SIZE != 8192)
		kunit_skip(test, "an allocator with other size classes");
	for (i = 0; i < ARRAY_SIZE(caps); i++) {
		KUNIT_ASSERT_TRUE(test, gst_count(&s, goslice_len(&s),
						  goslice_cap(&s) + 1));
		KUNIT_EXPECT_EQ(test, goslice_cap(&s), caps[i]);
	}
	goslice_put(&s);
}

static void a_large_append_is_exact_but_for_rounding(struct kunit *test)
{
	struct gst_u64_slice s = gst_numbers(test, 4, 4), t;

	KUNIT_ASSERT_EQ(test, 0, goslice_make(&t, 3000, 3000, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, 0, goslice_append_slice(&s, &t, GFP_KERNEL));
	GST_EXPECT_SHAPE(test, &s, 3004, rounded(3004 * 8) / 8);
	goslice_put(&t);
	goslice_put(&s);
}

/* From the old length on to the capacity, at each growth. */
static void growth_zeroes_the_tail(struct kunit *test)
{
	struct gst_u64_slice s = GOSLICE_NIL, all;
	size_t i, j, cap = 0;

	for (i = 0; i < 5000; i++) {
		KUNIT_ASSERT_EQ(test, 0, goslice_append(&s, ~0ULL, GFP_KERNEL));
		if (goslice_cap(&s) == cap)
			continue;
		cap = goslice_cap(&s);
		KUNIT_ASSERT_EQ(test, 0, goslice_slice(&all, &s, 0, cap));
		for (j = 0; j < cap; j++)
			KUNIT_ASSERT_EQ(test, all.array[j],
					j <= i ? ~0ULL : 0ULL);
		goslice_put(&all);
	}
	goslice_put(&s);
}

/* Above the size classes arrays have memory of a power of two to grow in. */
static void an_owner_grows_in_place(struct kunit *test)
{
	struct gst_u64_slice s = GOSLICE_NIL;
	size_t moves = 0, growths = 0, cap = 0;
	void *array = NULL;
	u64 i;

	for (i = 0; i < 1 << 20; i++) {
		KUNIT_ASSERT_EQ(test, 0, goslice_append(&s, i, GFP_KERNEL));
		growths += goslice_cap(&s) != cap;
		moves += s.array != array;
		cap = goslice_cap(&s);
		array = s.array;
	}
	for (i = 0; i < 1 << 20; i++)
		if (s.array[i] != i)
			break;
	KUNIT_EXPECT_EQ(test, i, 1ULL << 20);
	/* From 8 bytes to 8 MiB, and perhaps to a first page. */
	KUNIT_EXPECT_LE(test, moves, (size_t)22);
	KUNIT_EXPECT_GT(test, growths, moves + 10);
	goslice_put(&s);
}

static void a_shared_array_does_not_grow_in_place(struct kunit *test)
{
	struct gst_u64_slice s = GOSLICE_NIL, t;
	u64 *array;
	size_t n;

	n = gst_fill_pages(test, &s);
	array = s.array;
	goslice_share(&t, &s);
	KUNIT_EXPECT_TRUE(test, gst_count(&t, n, n + 1));
	KUNIT_EXPECT_PTR_NE(test, t.array, array);
	/* Now it is not shared any more. */
	KUNIT_EXPECT_TRUE(test, gst_count(&s, n, n + 1));
	KUNIT_EXPECT_PTR_EQ(test, s.array, array);
	KUNIT_EXPECT_EQ(test, 0, memcmp(s.array, t.array,
					(n + 1) * sizeof(u64)));
	goslice_put(&t);
	goslice_put(&s);
}

/* A queue: its array does not grow although it wanders. */
static void a_queue_stays_small(struct kunit *test)
{
	struct gst_u64_slice q = GOSLICE_NIL;
	size_t most = 0;
	u64 i;

	KUNIT_ASSERT_TRUE(test, gst_count(&q, 0, 1000));
	for (i = 1000; i < 50000; i++) {
		KUNIT_ASSERT_EQ(test, q.array[0], i - 1000);
		KUNIT_ASSERT_EQ(test, 0, goslice_slice(&q, &q, 1,
						       goslice_len(&q)));
		KUNIT_ASSERT_EQ(test, 0, goslice_append(&q, i, GFP_KERNEL));
		most = max(most, goslice_cap(&q));
	}
	KUNIT_EXPECT_LE(test, most, (size_t)4 * 1000);
	goslice_put(&q);
}

/* In atomic context an array of vmalloc() must be left without being freed. */
static void atomic_growth_leaves_a_huge_array(struct kunit *test)
{
	const size_t n = 2 * KMALLOC_MAX_SIZE / sizeof(u64);
	static DEFINE_SPINLOCK(lock);
	struct gst_u64_slice s, t;
	int err;

	KUNIT_ASSERT_EQ(test, 0, goslice_make(&s, n, n, GFP_KERNEL));
	KUNIT_EXPECT_TRUE(test, is_vmalloc_addr(s.array));
	s.array[n - 1] = 5;
	KUNIT_ASSERT_EQ(test, 0, goslice_slice(&t, &s, n - 1, n));
	goslice_put(&s);
	spin_lock(&lock);
	err = goslice_append(&t, 6, GFP_ATOMIC);
	spin_unlock(&lock);
	KUNIT_EXPECT_EQ(test, 0, err);
	KUNIT_EXPECT_FALSE(test, is_vmalloc_addr(t.array));
	GST_EXPECT(test, &t, 5, 6);
	goslice_put(&t);
}

/* One step beyond kmalloc(): vmalloc() is not for interrupts, and not asked. */
static void atomic_growth_ends_with_kmalloc(struct kunit *test)
{
	const size_t n = KMALLOC_MAX_SIZE / sizeof(u64);
	struct gst_u64_slice s = gst_numbers(test, 0, n), before;
	unsigned long flags;
	int err;

	KUNIT_ASSERT_EQ(test, 0, goslice_slice(&s, &s, 0, n));
	before = s;
	s.array[n - 1] = 5;
	local_irq_save(flags);
	err = goslice_append(&s, 6, GFP_ATOMIC);
	local_irq_restore(flags);
	KUNIT_EXPECT_EQ(test, -ENOMEM, err);
	GST_EXPECT_SAME(test, &s, &before);
	KUNIT_EXPECT_EQ(test, 0, goslice_append(&s, 6, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, s.array[n - 1], 5ULL);
	KUNIT_EXPECT_EQ(test, s.array[n], 6ULL);
	goslice_put(&s);
}

static void atomic_context_can_do_all(struct kunit *test)
{
	struct gst_u64_slice s = GOSLICE_NIL, t = GOSLICE_NIL;
	unsigned long flags;
	int err = 0;
	u64 i;

	local_irq_save(flags);
	for (i = 0; i < 200; i++)
		err |= goslice_append(&s, i, GFP_ATOMIC);
	err |= goslice_clone(&t, &s, GFP_ATOMIC);
	err |= goslice_insert(&t, 100, 7, GFP_ATOMIC);
	err |= goslice_grow(&t, 300, GFP_ATOMIC);
	local_irq_restore(flags);
	KUNIT_EXPECT_EQ(test, 0, err);
	KUNIT_EXPECT_EQ(test, goslice_len(&t), (size_t)201);
	KUNIT_EXPECT_EQ(test, t.array[200], 199ULL);
	goslice_put(&s);
	goslice_put(&t);
}

static struct kunit_case goslice_growth_cases[] = {
	KUNIT_CASE(spot_values),
	KUNIT_CASE(one_by_one),
	KUNIT_CASE(as_in_go_with_its_classes),
	KUNIT_CASE(as_here_with_our_classes),
	KUNIT_CASE(in_numbers),
	KUNIT_CASE(a_large_append_is_exact_but_for_rounding),
	KUNIT_CASE(growth_zeroes_the_tail),
	KUNIT_CASE(an_owner_grows_in_place),
	KUNIT_CASE(a_shared_array_does_not_grow_in_place),
	KUNIT_CASE(a_queue_stays_small),
	KUNIT_CASE(atomic_growth_leaves_a_huge_array),
	KUNIT_CASE(atomic_growth_ends_with_kmalloc),
	KUNIT_CASE(atomic_context_can_do_all),
	{ }
};

struct kunit_suite goslice_growth_suite = {
	.name = "goslice_growth",
	.test_cases = goslice_growth_cases,
};
