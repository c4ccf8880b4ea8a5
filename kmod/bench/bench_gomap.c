// SPDX-License-Identifier: GPL-2.0-only
/*
 * gomap, through the same exported functions that everybody calls.
 */

#include <linux/err.h>
#include <linux/gomap.h>
#include <linux/minmax.h>
#include <linux/workqueue.h>

#include "bench.h"

static void *bench_gomap_create(size_t n)
{
	static const struct gomap_params params = {
		.key_size = sizeof(u64),
		.val_size = sizeof(u64),
	};
	struct gomap *m = gomap_alloc(&params, 0, GFP_KERNEL);

	return IS_ERR(m) ? NULL : m;
}

static void *bench_gomap_reserved(size_t n)
{
	void *table = bench_gomap_create(n);

	if (table && gomap_reserve(table, n, GFP_KERNEL)) {
		gomap_free(table);
		return NULL;
	}
	return table;
}

void bench_gomap_destroy(void *table)
{
	gomap_free(table);
}

static int bench_gomap_insert(void *table, const u64 *keys, size_t n, gfp_t gfp)
{
	size_t i;
	int err;

	for (i = 0; i < n; i++) {
		err = gomap_put(table, &keys[i], &keys[i], GOMAP_ANY, gfp);
		if (err)
			return err;
	}
	return 0;
}

static size_t bench_gomap_get(void *table, const u64 *keys, size_t n, u64 *sum)
{
	size_t i, found = 0;
	u64 val;

	for (i = 0; i < n; i++) {
		if (gomap_get(table, &keys[i], &val)) {
			*sum += val;
			found++;
		}
	}
	return found;
}

/* Values of keys that are absent are zero. */
static size_t bench_gomap_get_many(void *table, const u64 *keys, size_t n,
				   u64 *sum)
{
	size_t i, j, nr, found = 0;
	u64 vals[BENCH_BATCH];

	for (i = 0; i < n; i += nr) {
		nr = min_t(size_t, n - i, BENCH_BATCH);
		found += gomap_get_many(table, &keys[i], vals, NULL, nr);
		for (j = 0; j < nr; j++)
			*sum += vals[j];
	}
	return found;
}

static size_t bench_gomap_overwrite(void *table, const u64 *keys, size_t n)
{
	size_t i, found = 0;
	u64 val;

	for (i = 0; i < n; i++) {
		val = ~keys[i];
		found += !gomap_put(table, &keys[i], &val, GOMAP_EXISTING,
				    GFP_KERNEL);
	}
	return found;
}

static size_t bench_gomap_remove(void *table, const u64 *keys, size_t n)
{
	size_t i, found = 0;

	for (i = 0; i < n; i++)
		found += !gomap_delete(table, &keys[i]);
	return found;
}

static size_t bench_gomap_iterate(void *table, u64 *sum)
{
	struct gomap_iter it;
	size_t found = 0;
	u64 key, val;

	gomap_iter_init(&it, table);
	while (gomap_iter_next(&it, &key, &val)) {
		*sum += val;
		found++;
	}
	gomap_iter_end(&it);
	return found;
}

void bench_gomap_settle(void *table)
{
	struct gomap *m = table;

	flush_delayed_work(&m->shrink_work);
}

static size_t bench_gomap_bytes(void *table)
{
	struct gomap_stats st;

	gomap_stats(table, &st);
	return st.bytes;
}

const struct bench_subject bench_gomap = {
	.name = "gomap",
	.keying = &bench_sparse,
	.create = bench_gomap_create,
	.create_reserved = bench_gomap_reserved,
	.destroy = bench_gomap_destroy,
	.insert = bench_gomap_insert,
	.get = bench_gomap_get,
	.get_many = bench_gomap_get_many,
	.overwrite = bench_gomap_overwrite,
	.remove = bench_gomap_remove,
	.iterate = bench_gomap_iterate,
	.settle = bench_gomap_settle,
	.bytes = bench_gomap_bytes,
};
