// SPDX-License-Identifier: GPL-2.0-only
/*
 * Slices against what kernel code writes by hand: a pointer, a length and a
 * capacity, doubled with krealloc().
 *
 * The loops are functions of their own that get a pointer to the array's
 * header, as those of a subsystem would. The rounds are as in bench.c.
 */

#include <linux/goslice.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "bench.h"

/* Elements per measurement, at least: the clock is coarse. */
#define BENCH_SLICE_ELEMENTS	1000000UL

DEFINE_GOSLICE(bench, u64);

/**
 * struct bench_vector - an array by hand
 * @array: elements
 * @len: how many there are
 * @cap: how many there is room for
 */
struct bench_vector {
	u64 *array;
	size_t len;
	size_t cap;
};

/* One of each, so that both are as far apart in memory. */
union bench_array {
	struct bench_slice slice;
	struct bench_vector vector;
};

static noinline int bench_slice_append(union bench_array *a, size_t n)
{
	struct bench_slice *s = &a->slice;
	int err;
	u64 i;

	for (i = 0; i < n; i++) {
		err = goslice_append(s, i, GFP_KERNEL);
		if (err)
			return err;
	}
	return 0;
}

static int bench_slice_reserve(union bench_array *a, size_t n)
{
	return goslice_grow(&a->slice, n, GFP_KERNEL);
}

static noinline u64 bench_slice_sum(const union bench_array *a)
{
	const struct bench_slice *s = &a->slice;
	u64 sum = 0;
	size_t i;

	for (i = 0; i < s->slice.len; i++)
		sum += s->array[i];
	return sum;
}

static noinline u64 bench_slice_walk(const union bench_array *a)
{
	u64 *p, sum = 0;

	goslice_for_each(p, &a->slice)
		sum += *p;
	return sum;
}

static void bench_slice_free(union bench_array *a)
{
	goslice_put(&a->slice);
}

static noinline int bench_vector_grow(struct bench_vector *v, size_t cap)
{
	const size_t bytes = cap * sizeof(u64);
	u64 *array;

	if (bytes <= KMALLOC_MAX_SIZE) {
		array = krealloc(v->array, bytes, GFP_KERNEL);
	} else {
		array = kvmalloc(bytes, GFP_KERNEL);
		if (array && v->array) {
			memcpy(array, v->array, v->len * sizeof(u64));
			kvfree(v->array);
		}
	}
	if (!array)
		return -ENOMEM;
	v->array = array;
	v->cap = cap;
	return 0;
}

static noinline int bench_vector_append(union bench_array *a, size_t n)
{
	struct bench_vector *v = &a->vector;
	int err;
	u64 i;

	for (i = 0; i < n; i++) {
		if (unlikely(v->len >= v->cap)) {
			err = bench_vector_grow(v, max(2 * v->cap, (size_t)1));
			if (err)
				return err;
		}
		v->array[v->len++] = i;
	}
	return 0;
}

static int bench_vector_reserve(union bench_array *a, size_t n)
{
	return bench_vector_grow(&a->vector, n);
}

static noinline u64 bench_vector_sum(const union bench_array *a)
{
	const struct bench_vector *v = &a->vector;
	u64 sum = 0;
	size_t i;

	for (i = 0; i < v->len; i++)
		sum += v->array[i];
	return sum;
}

static void bench_vector_free(union bench_array *a)
{
	kvfree(a->vector.array);
	a->vector = (struct bench_vector){ };
}

/**
 * struct bench_growable - a growable array under test
 * @name: as it appears in the results
 * @append: append 0, 1, 2, ...
 * @reserve: make room for so many elements in an empty array
 * @sum: sum the elements up by index
 * @walk: the same in the way that is proper
 * @free: free the elements
 */
struct bench_growable {
	const char *name;
	int (*append)(union bench_array *a, size_t n);
	int (*reserve)(union bench_array *a, size_t n);
	u64 (*sum)(const union bench_array *a);
	u64 (*walk)(const union bench_array *a);
	void (*free)(union bench_array *a);
};

static const struct bench_growable bench_growables[] = {
	{
		.name = "slice\tgoslice",
		.append = bench_slice_append,
		.reserve = bench_slice_reserve,
		.sum = bench_slice_sum,
		.walk = bench_slice_walk,
		.free = bench_slice_free,
	},
	{
		.name = "slice\tkrealloc",
		.append = bench_vector_append,
		.reserve = bench_vector_reserve,
		.sum = bench_vector_sum,
		.walk = bench_vector_sum,
		.free = bench_vector_free,
	},
};

#define BENCH_GROWABLES		ARRAY_SIZE(bench_growables)

enum bench_slice_op {
	BENCH_APPEND,
	BENCH_APPEND_RESERVED,
	BENCH_INDEX,
	BENCH_WALK,
	BENCH_SLICE_OPS,
};

static const char *const bench_slice_op_names[BENCH_SLICE_OPS] = {
	[BENCH_APPEND] = "append",
	[BENCH_APPEND_RESERVED] = "append_reserved",
	[BENCH_INDEX] = "index",
	[BENCH_WALK] = "for_each",
};

/* Thousandths of a nanosecond. */
static u64
bench_slice_results[BENCH_GROWABLES][BENCH_SLICE_OPS][BENCH_MAX_ROUNDS];

static int bench_time_append(const struct bench_growable *g,
			     union bench_array *arrays, size_t nr, size_t n,
			     u64 *result)
{
	u64 start = ktime_get_ns();
	size_t i;
	int err;

	for (i = 0; i < nr; i++) {
		err = g->append(&arrays[i], n);
		if (err)
			return err;
	}
	*result = bench_per_op(start, ktime_get_ns(), nr * n);
	return 0;
}

static int bench_time_sum(u64 (*sum)(const union bench_array *a),
			  const union bench_array *arrays, size_t nr, size_t n,
			  u64 *result)
{
	const u64 want = (u64)n * (n - 1) / 2;
	u64 start = ktime_get_ns();
	size_t i, wrong = 0;

	for (i = 0; i < nr; i++)
		wrong += sum(&arrays[i]) != want;
	*result = bench_per_op(start, ktime_get_ns(), nr * n);
	return wrong ? -EIO : 0;
}

static void bench_free_all(const struct bench_growable *g,
			   union bench_array *arrays, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++)
		g->free(&arrays[i]);
	cond_resched();
}

static int bench_slice_ops(const struct bench_growable *g,
			   union bench_array *arrays, size_t nr, size_t n,
			   u64 results[][BENCH_MAX_ROUNDS], unsigned int round)
{
	size_t i;
	int err;

	err = bench_time_append(g, arrays, nr, n,
				&results[BENCH_APPEND][round]);
	if (!err)
		err = bench_time_sum(g->sum, arrays, nr, n,
				     &results[BENCH_INDEX][round]);
	if (!err)
		err = bench_time_sum(g->walk, arrays, nr, n,
				     &results[BENCH_WALK][round]);
	bench_free_all(g, arrays, nr);
	for (i = 0; !err && i < nr; i++)
		err = g->reserve(&arrays[i], n);
	if (!err)
		err = bench_time_append(g, arrays, nr, n,
					&results[BENCH_APPEND_RESERVED][round]);
	bench_free_all(g, arrays, nr);
	return err;
}

/* The results of the rehearsal are overwritten by those of the first round. */
static int bench_slice_rounds(union bench_array *arrays, size_t nr, size_t n,
			      unsigned int rounds)
{
	unsigned int round;
	size_t i, j;
	int err;

	for (round = 0; round <= rounds; round++) {
		for (i = 0; i < BENCH_GROWABLES; i++) {
			j = (i + round) % BENCH_GROWABLES;
			err = bench_slice_ops(&bench_growables[j], arrays, nr,
					      n, bench_slice_results[j],
					      max(round, 1U) - 1);
			if (err)
				return err;
		}
	}
	return 0;
}

/**
 * bench_slices - measure slices of one length
 * @n: number of elements
 * @rounds: rounds that count
 *
 * Return: 0, -ENOMEM, or -EIO if elements were wrong.
 */
int bench_slices(size_t n, unsigned int rounds)
{
	size_t i, nr = max(BENCH_SLICE_ELEMENTS / n, 1UL);
	union bench_array *arrays;
	enum bench_slice_op op;
	int err;

	arrays = kvcalloc(nr, sizeof(*arrays), GFP_KERNEL);
	if (!arrays)
		return -ENOMEM;
	err = bench_slice_rounds(arrays, nr, n, rounds);
	kvfree(arrays);
	for (i = 0; !err && i < BENCH_GROWABLES; i++)
		for (op = 0; op < BENCH_SLICE_OPS; op++)
			bench_print(bench_growables[i].name, n,
				    bench_slice_op_names[op],
				    bench_median(bench_slice_results[i][op]));
	return err;
}
