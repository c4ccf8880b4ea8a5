// SPDX-License-Identifier: GPL-2.0-only
/*
 * xarray where it is at its best: indices without gaps, filled in order, and
 * integers of 63 bits in place of pointers.
 */

#include <linux/slab.h>
#include <linux/xarray.h>

#include "bench.h"

static void *bench_xarray_create(size_t n)
{
	struct xarray *xa = kmalloc(sizeof(*xa), GFP_KERNEL);

	if (xa)
		xa_init(xa);
	return xa;
}

static void bench_xarray_destroy(void *table)
{
	if (!table)
		return;
	xa_destroy(table);
	kfree(table);
}

static int bench_xarray_insert(void *table, const u64 *keys, size_t n, gfp_t gfp)
{
	size_t i;
	int err;

	for (i = 0; i < n; i++) {
		err = xa_err(xa_store(table, keys[i], xa_mk_value(keys[i]), gfp));
		if (err)
			return err;
	}
	return 0;
}

static size_t bench_xarray_get(void *table, const u64 *keys, size_t n, u64 *sum)
{
	size_t i, found = 0;
	void *entry;

	for (i = 0; i < n; i++) {
		entry = xa_load(table, keys[i]);
		if (entry) {
			*sum += xa_to_value(entry);
			found++;
		}
	}
	return found;
}

static size_t bench_xarray_overwrite(void *table, const u64 *keys, size_t n)
{
	size_t i, found = 0;

	for (i = 0; i < n; i++)
		found += xa_is_value(xa_store(table, keys[i],
					      xa_mk_value(keys[i] + 1),
					      GFP_KERNEL));
	return found;
}

static size_t bench_xarray_remove(void *table, const u64 *keys, size_t n)
{
	size_t i, found = 0;

	for (i = 0; i < n; i++)
		found += xa_is_value(xa_erase(table, keys[i]));
	return found;
}

static size_t bench_xarray_iterate(void *table, u64 *sum)
{
	unsigned long index;
	size_t found = 0;
	void *entry;

	xa_for_each((struct xarray *)table, index, entry) {
		*sum += xa_to_value(entry);
		found++;
	}
	return found;
}

const struct bench_subject bench_xarray = {
	.name = "xarray",
	.keying = &bench_dense,
	.create = bench_xarray_create,
	.destroy = bench_xarray_destroy,
	.insert = bench_xarray_insert,
	.get = bench_xarray_get,
	.overwrite = bench_xarray_overwrite,
	.remove = bench_xarray_remove,
	.iterate = bench_xarray_iterate,
};
