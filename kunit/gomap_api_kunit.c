// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - what each function of a map promises
 *
 * Results and errors, outputs on failure, the nil map, the typed wrappers.
 */

#include <linux/bitmap.h>
#include <linux/err.h>
#include <linux/limits.h>
#include <linux/slab.h>

#include "gomap_kunit.h"

/*
 * Parameters.
 */

struct params_param {
	const char *name;
	struct gomap_params p;
	int want;
};

static const struct params_param params[] = {
	{ "smallest", { .key_size = 1 }, 0 },
	{ "longest key", { .key_size = 128, .val_size = 8 }, 0 },
	{ "longest value", { .key_size = 8, .val_size = 65536 }, 0 },
	{ "all of our own", { .key_size = 8, .hash = gmt_hash_is_key,
	  .equal = gmt_equal, .flags = GOMAP_IRREFLEXIVE | GOMAP_UPDATE_KEY },
	  0 },
	{ "SipHash of bytes", { .key_size = 9,
	  .flags = GOMAP_BYTES | GOMAP_SIPHASH }, 0 },
	{ "no key", { .val_size = 8 }, -EINVAL },
	{ "key too long", { .key_size = 129 }, -EINVAL },
	{ "value too long", { .key_size = 8, .val_size = 65537 }, -EINVAL },
	{ "unknown flag", { .key_size = 8, .flags = BIT(4) }, -EINVAL },
	{ "last flag", { .key_size = 8, .flags = BIT(31) }, -EINVAL },
	{ "equal without hash", { .key_size = 8, .equal = gmt_equal },
	  -EINVAL },
	{ "two hashes", { .key_size = 8, .hash = gmt_hash_is_key,
	  .flags = GOMAP_SIPHASH }, -EINVAL },
	{ "irreflexive without equal", { .key_size = 8,
	  .flags = GOMAP_IRREFLEXIVE }, -EINVAL },
};

static void params_desc(const struct params_param *param, char *desc)
{
	strscpy(desc, param->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(params, params, params_desc);

static void parameters_are_checked(struct kunit *test)
{
	const struct params_param *param = test->param_value;
	struct gomap *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	int err;

	KUNIT_ASSERT_NOT_NULL(test, m);
	err = gomap_init(m, &param->p, 20, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, err, param->want);
	if (!err)
		gomap_destroy(m);

	m = gomap_alloc(&param->p, 0, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(m), param->want);
	if (!IS_ERR(m))
		gomap_free(m);
}

/*
 * The nil map.
 */

static int never_called(const void *key, const void *val, void *ctx)
{
	return -EIO;
}

static void nil_map_is_empty(struct kunit *test)
{
	struct gomap_cursor c = { };
	unsigned long found = ~0UL;
	struct gomap_stats st;
	struct gomap_iter it;
	u64 key = 1, val = 2;

	KUNIT_EXPECT_EQ(test, gomap_len(NULL), (size_t)0);
	KUNIT_EXPECT_FALSE(test, gomap_get(NULL, &key, &val));
	KUNIT_EXPECT_FALSE(test, gomap_contains(NULL, &key));
	KUNIT_EXPECT_EQ(test, gomap_get_many(NULL, &key, &val, &found, 1), 0U);
	KUNIT_EXPECT_FALSE(test, found & 1);
	KUNIT_EXPECT_EQ(test, -ENOENT, gomap_delete(NULL, &key));
	KUNIT_EXPECT_EQ(test, -ENOENT, gomap_take(NULL, &key, &val));
	KUNIT_EXPECT_EQ(test, 0, gomap_shrink(NULL, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, 0, gomap_for_each(NULL, never_called, NULL));
	KUNIT_EXPECT_EQ(test, 0, gomap_scan(NULL, &c, &key, NULL, &val, 1));
	gomap_stats(NULL, &st);
	KUNIT_EXPECT_EQ(test, st.entries + st.slots + st.bytes, (size_t)0);
	gomap_iter_init(&it, NULL);
	KUNIT_EXPECT_FALSE(test, gomap_iter_next(&it, &key, &val));
	gomap_iter_end(&it);
	gomap_clear(NULL);
	gomap_destroy(NULL);
	gomap_free(NULL);
}

static void nil_map_refuses_inserts(struct kunit *test)
{
	u64 key = 1, val = 2;

	KUNIT_EXPECT_EQ(test, -EBADF, gomap_put(NULL, &key, &val, GOMAP_ANY,
						GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, -EBADF, gomap_put(NULL, &key, &val,
						GOMAP_EXISTING, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, -EBADF, gomap_add(NULL, &key, 1, GOMAP_ANY,
						NULL, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, -EBADF, gomap_cas(NULL, &key, &val, &val,
						GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, -EBADF, gomap_reserve(NULL, 1, GFP_KERNEL));
}

/*
 * One function after the other, on an empty map, a small one and a large one.
 */

static const u64 sizes[] = { 0, 5, 500, 5000 };

static void sizes_desc(const u64 *keys, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "beside %llu keys", *keys);
}

KUNIT_ARRAY_PARAM(beside, sizes, sizes_desc);

/* Keys of tests lie above those that are there already. */
#define FREE_KEY	1000000ULL

static struct gomap *beside(struct kunit *test)
{
	const u64 *keys = test->param_value;
	struct gomap *m = gmt_map_u64(test, GMT_REAL);

	gmt_fill(test, m, 0, *keys);
	return m;
}

static void beside_check(struct kunit *test, struct gomap *m, size_t more)
{
	const u64 *keys = test->param_value;

	KUNIT_EXPECT_EQ(test, gmt_missing(m, 0, *keys), 0ULL);
	KUNIT_EXPECT_EQ(test, gomap_len(m), (size_t)*keys + more);
	GMT_CHECK(test, m);
}

static void put_any_new_existing(struct kunit *test)
{
	struct gomap *m = beside(test);
	u64 key = FREE_KEY;

	KUNIT_EXPECT_EQ(test, -ENOENT, gmt_put(m, key, 1, GOMAP_EXISTING));
	KUNIT_EXPECT_TRUE(test, gmt_lacks(m, key));
	KUNIT_EXPECT_EQ(test, 0, gmt_put(m, key, 2, GOMAP_NEW));
	KUNIT_EXPECT_EQ(test, -EEXIST, gmt_put(m, key, 3, GOMAP_NEW));
	KUNIT_EXPECT_TRUE(test, gmt_has(m, key, 2));
	KUNIT_EXPECT_EQ(test, 0, gmt_put(m, key, 4, GOMAP_EXISTING));
	KUNIT_EXPECT_TRUE(test, gmt_has(m, key, 4));
	KUNIT_EXPECT_EQ(test, 0, gmt_put(m, key, 5, GOMAP_ANY));
	KUNIT_EXPECT_TRUE(test, gmt_has(m, key, 5));
	KUNIT_EXPECT_TRUE(test, gomap_contains(m, &key));
	KUNIT_EXPECT_EQ(test, 0, gmt_put(m, key + 1, 6, GOMAP_ANY));
	KUNIT_EXPECT_TRUE(test, gmt_has(m, key + 1, 6));
	beside_check(test, m, 2);
}

static void delete_and_take(struct kunit *test)
{
	struct gomap *m = beside(test);
	u64 key = FREE_KEY, val = GCT_POISON_U64;

	KUNIT_EXPECT_EQ(test, -ENOENT, gomap_delete(m, &key));
	KUNIT_EXPECT_EQ(test, -ENOENT, gomap_take(m, &key, &val));
	KUNIT_EXPECT_EQ(test, val, GCT_POISON_U64);
	KUNIT_EXPECT_EQ(test, 0, gmt_put(m, key, 7, GOMAP_ANY));
	KUNIT_EXPECT_EQ(test, 0, gomap_take(m, &key, &val));
	KUNIT_EXPECT_EQ(test, val, 7ULL);
	KUNIT_EXPECT_TRUE(test, gmt_lacks(m, key));
	KUNIT_EXPECT_EQ(test, -ENOENT, gomap_take(m, &key, NULL));
	KUNIT_EXPECT_EQ(test, 0, gmt_put(m, key, 8, GOMAP_ANY));
	KUNIT_EXPECT_EQ(test, 0, gomap_delete(m, &key));
	KUNIT_EXPECT_TRUE(test, gmt_lacks(m, key));
	beside_check(test, m, 0);
}

static void cas_swaps_what_is_expected(struct kunit *test)
{
	struct gomap *m = beside(test);
	u64 key = FREE_KEY, old = 1, new = 2;

	KUNIT_EXPECT_EQ(test, -ENOENT, gomap_cas(m, &key, &old, &new,
						 GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, old, 1ULL);
	KUNIT_EXPECT_EQ(test, 0, gmt_put(m, key, 10, GOMAP_ANY));
	KUNIT_EXPECT_EQ(test, -EEXIST, gomap_cas(m, &key, &old, &new,
						 GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, old, 10ULL);
	KUNIT_EXPECT_TRUE(test, gmt_has(m, key, 10));
	KUNIT_EXPECT_EQ(test, 0, gomap_cas(m, &key, &old, &new, GFP_KERNEL));
	KUNIT_EXPECT_TRUE(test, gmt_has(m, key, 2));
	beside_check(test, m, 1);
}

static void add_counts(struct kunit *test)
{
	struct gomap *m = beside(test);
	u64 key = FREE_KEY, sum = 1;

	KUNIT_EXPECT_EQ(test, -ENOENT, gomap_add(m, &key, 5, GOMAP_EXISTING,
						 &sum, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, sum, 1ULL);
	KUNIT_EXPECT_EQ(test, 0, gomap_add(m, &key, 5, GOMAP_ANY, &sum,
					   GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, sum, 5ULL);
	KUNIT_EXPECT_EQ(test, -EEXIST, gomap_add(m, &key, 5, GOMAP_NEW, &sum,
						 GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, 0, gomap_add(m, &key, -6ULL, GOMAP_EXISTING,
					   &sum, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, sum, U64_MAX);
	KUNIT_EXPECT_EQ(test, 0, gomap_add(m, &key, 3, GOMAP_ANY, NULL,
					   GFP_KERNEL));
	KUNIT_EXPECT_TRUE(test, gmt_has(m, key, 2));
	beside_check(test, m, 1);
}

static void add_needs_a_number(struct kunit *test)
{
	struct gomap_params p = { .key_size = 8 };
	static const u32 others[] = { 0, 1, 2, 7, 16, 200 };
	unsigned int i;
	u64 key = 1;
	u32 val;

	for (i = 0; i < ARRAY_SIZE(others); i++) {
		p.val_size = others[i];
		KUNIT_EXPECT_EQ(test, -EINVAL,
				gomap_add(gmt_map(test, &p, GMT_REAL, 0), &key,
					  1, GOMAP_ANY, NULL, GFP_KERNEL));
	}
	p.val_size = sizeof(u32);
	for (i = 0; i < 2; i++) {
		struct gomap *m = gmt_map(test, &p, GMT_REAL, 0);
		u64 sum;

		KUNIT_EXPECT_EQ(test, 0, gomap_add(m, &key, U32_MAX, GOMAP_NEW,
						   NULL, GFP_KERNEL));
		KUNIT_EXPECT_EQ(test, 0, gomap_add(m, &key, 3, GOMAP_ANY, &sum,
						   GFP_KERNEL));
		KUNIT_EXPECT_EQ(test, sum, 2ULL);
		KUNIT_EXPECT_TRUE(test, gomap_get(m, &key, &val));
		KUNIT_EXPECT_EQ(test, val, 2U);
		p.key_size = 7;
	}
}

#define MANY	100

static void get_many_gets_each(struct kunit *test)
{
	static const unsigned int counts[] = {
		0, 1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, MANY,
	};
	struct gomap *m = beside(test);
	u64 *keys = kunit_kcalloc(test, MANY, sizeof(*keys), GFP_KERNEL);
	u64 *vals = kunit_kcalloc(test, MANY + 1, sizeof(*vals), GFP_KERNEL);
	DECLARE_BITMAP(found, MANY + 1);
	unsigned int i, c, n;

	KUNIT_ASSERT_NOT_NULL(test, keys);
	KUNIT_ASSERT_NOT_NULL(test, vals);
	for (i = 0; i < MANY; i++) {
		keys[i] = FREE_KEY + i;
		if (i % 3)
			KUNIT_ASSERT_EQ(test, 0, gmt_put(m, keys[i], i,
							 GOMAP_NEW));
	}
	for (c = 0; c < ARRAY_SIZE(counts); c++) {
		n = counts[c];
		memset(vals, GCT_POISON, (MANY + 1) * sizeof(*vals));
		bitmap_fill(found, MANY + 1);
		KUNIT_EXPECT_EQ(test, gomap_get_many(m, keys, vals, found, n),
				n - DIV_ROUND_UP(n, 3));
		for (i = 0; i < n; i++) {
			KUNIT_EXPECT_EQ(test, test_bit(i, found), i % 3 != 0);
			KUNIT_EXPECT_EQ(test, vals[i], i % 3 ? i : 0ULL);
		}
		/* Nothing behind the end. */
		KUNIT_EXPECT_EQ(test, vals[n], GCT_POISON_U64);
		KUNIT_EXPECT_TRUE(test, test_bit(n, found));
	}
	KUNIT_EXPECT_EQ(test, gomap_get_many(m, keys, vals, NULL, MANY), 66U);
}

struct sum {
	u64 keys;
	u64 vals;
	unsigned int calls;
	unsigned int stop_at;
};

static int sum_up(const void *key, const void *val, void *ctx)
{
	struct sum *sum = ctx;

	sum->keys += *(const u64 *)key;
	sum->vals += *(const u64 *)val;
	return ++sum->calls == sum->stop_at ? -ECANCELED : 0;
}

static void function_sees_each_entry(struct kunit *test)
{
	const u64 *keys = test->param_value;
	struct gomap *m = beside(test);
	struct sum sum = { };
	u64 want = *keys * (*keys - 1) / 2;

	KUNIT_EXPECT_EQ(test, 0, gomap_for_each(m, sum_up, &sum));
	KUNIT_EXPECT_EQ(test, sum.calls, (unsigned int)*keys);
	KUNIT_EXPECT_EQ(test, sum.keys, want);
	KUNIT_EXPECT_EQ(test, sum.vals, want);
	sum = (struct sum){ .stop_at = 3 };
	KUNIT_EXPECT_EQ(test, *keys < 3 ? 0 : -ECANCELED,
			gomap_for_each(m, sum_up, &sum));
	KUNIT_EXPECT_EQ(test, sum.calls, (unsigned int)min(*keys, 3ULL));
}

static void stats_add_up(struct kunit *test)
{
	const u64 *keys = test->param_value;
	struct gomap *m = beside(test);
	struct gomap_stats st;

	memset(&st, GCT_POISON, sizeof(st));
	gomap_stats(m, &st);
	KUNIT_EXPECT_EQ(test, st.entries, (size_t)*keys);
	KUNIT_EXPECT_EQ(test, st.tombstones, (size_t)0);
	KUNIT_EXPECT_GE(test, st.slots, st.entries);
	KUNIT_EXPECT_GE(test, st.bytes, st.slots * 17);
	KUNIT_EXPECT_LE(test, st.bytes, st.slots * 40);
	KUNIT_EXPECT_LE(test, st.tables, 1UL << st.depth);
	KUNIT_EXPECT_GE(test, 1024 * st.tables, st.slots);
}

/*
 * Typed maps.
 */

struct point {
	u32 x;
	u32 y;
};

DEFINE_GOMAP(points, struct point, int, GOMAP_SIPHASH);

static void typed_functions(struct kunit *test)
{
	struct point p = { 1, 2 }, q = { 2, 1 };
	struct points_map *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	struct gomap_iter it;
	int val = 0;

	KUNIT_ASSERT_NOT_NULL(test, m);
	KUNIT_ASSERT_EQ(test, 0, points_init(m, 100, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, 0, points_put(m, p, 12, GOMAP_NEW, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, 0, points_put(m, q, 21, GOMAP_ANY, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, points_len(m), (size_t)2);
	KUNIT_EXPECT_TRUE(test, points_get(m, p, &val));
	KUNIT_EXPECT_EQ(test, val, 12);
	KUNIT_EXPECT_TRUE(test, points_contains(m, q));
	KUNIT_EXPECT_EQ(test, -EEXIST, points_cas(m, q, &val, 5, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, val, 21);
	KUNIT_EXPECT_EQ(test, 0, points_cas(m, q, &val, 5, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, 0, points_take(m, q, &val));
	KUNIT_EXPECT_EQ(test, val, 5);
	KUNIT_EXPECT_EQ(test, -ENOENT, points_delete(m, q));

	gomap_iter_init(&it, &m->map);
	KUNIT_EXPECT_TRUE(test, points_iter_next(&it, &q, &val));
	KUNIT_EXPECT_EQ(test, q.x, 1U);
	KUNIT_EXPECT_EQ(test, q.y, 2U);
	KUNIT_EXPECT_EQ(test, val, 12);
	KUNIT_EXPECT_FALSE(test, points_iter_next(&it, &q, &val));

	points_clear(m);
	KUNIT_EXPECT_EQ(test, points_len(m), (size_t)0);
	KUNIT_EXPECT_FALSE(test, points_get(m, p, &val));
	KUNIT_EXPECT_EQ(test, val, 0);
	points_destroy(m);
}

static void typed_nil_map(struct kunit *test)
{
	struct point p = { 1, 2 };
	int val = 5;

	KUNIT_EXPECT_FALSE(test, points_get(NULL, p, &val));
	KUNIT_EXPECT_EQ(test, val, 0);
	KUNIT_EXPECT_FALSE(test, points_contains(NULL, p));
	KUNIT_EXPECT_EQ(test, points_len(NULL), (size_t)0);
	KUNIT_EXPECT_EQ(test, -ENOENT, points_delete(NULL, p));
	KUNIT_EXPECT_EQ(test, -ENOENT, points_take(NULL, p, &val));
	KUNIT_EXPECT_EQ(test, -EBADF, points_put(NULL, p, 1, GOMAP_ANY,
						 GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, -EBADF, points_cas(NULL, p, &val, 1,
						 GFP_KERNEL));
	points_clear(NULL);
	points_destroy(NULL);
}

static struct kunit_case api_cases[] = {
	KUNIT_CASE_PARAM(parameters_are_checked, params_gen_params),
	KUNIT_CASE(nil_map_is_empty),
	KUNIT_CASE(nil_map_refuses_inserts),
	KUNIT_CASE_PARAM(put_any_new_existing, beside_gen_params),
	KUNIT_CASE_PARAM(delete_and_take, beside_gen_params),
	KUNIT_CASE_PARAM(cas_swaps_what_is_expected, beside_gen_params),
	KUNIT_CASE_PARAM(add_counts, beside_gen_params),
	KUNIT_CASE(add_needs_a_number),
	KUNIT_CASE_PARAM(get_many_gets_each, beside_gen_params),
	KUNIT_CASE_PARAM(function_sees_each_entry, beside_gen_params),
	KUNIT_CASE_PARAM(stats_add_up, beside_gen_params),
	KUNIT_CASE(typed_functions),
	KUNIT_CASE(typed_nil_map),
	{}
};

struct kunit_suite gomap_api_suite = {
	.name = "gomap-api",
	.init = gct_init,
	.exit = gct_exit,
	.test_cases = api_cases,
};
