// SPDX-License-Identifier: GPL-2.0-only
/*
 * A table of hlists with one bucket an entry, rounded up: what somebody writes
 * who knows the number of entries beforehand. It takes no lock and does not
 * look for duplicates, so it is the least that chaining can cost.
 */

#include <linux/hash.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/rculist.h>
#include <linux/slab.h>

#include "bench.h"

struct bench_node {
	struct hlist_node node;
	u64 key;
	u64 val;
};

struct bench_table {
	unsigned int bits;
	struct hlist_head *heads;
};

static void *bench_hlist_create(size_t n)
{
	struct bench_table *t = kmalloc(sizeof(*t), GFP_KERNEL);

	if (!t)
		return NULL;
	t->bits = ilog2(roundup_pow_of_two(max_t(size_t, n, 2)));
	t->heads = kvcalloc(1UL << t->bits, sizeof(*t->heads), GFP_KERNEL);
	if (!t->heads) {
		kfree(t);
		return NULL;
	}
	return t;
}

static struct hlist_head *bench_hlist_head(struct bench_table *t, u64 key)
{
	return &t->heads[hash_64(key, t->bits)];
}

static struct bench_node *bench_hlist_find(struct bench_table *t, u64 key)
{
	struct bench_node *obj;

	hlist_for_each_entry_rcu(obj, bench_hlist_head(t, key), node) {
		if (obj->key == key)
			return obj;
	}
	return NULL;
}

static void bench_hlist_destroy(void *table)
{
	struct bench_table *t = table;
	struct hlist_node *next;
	struct bench_node *obj;
	size_t i;

	if (!t)
		return;
	for (i = 0; i < 1UL << t->bits; i++)
		hlist_for_each_entry_safe(obj, next, &t->heads[i], node)
			kfree(obj);
	kvfree(t->heads);
	kfree(t);
}

static int bench_hlist_insert(void *table, const u64 *keys, size_t n, gfp_t gfp)
{
	struct bench_node *obj;
	size_t i;

	for (i = 0; i < n; i++) {
		obj = kmalloc(sizeof(*obj), gfp);
		if (!obj)
			return -ENOMEM;
		obj->key = keys[i];
		obj->val = keys[i];
		hlist_add_head_rcu(&obj->node, bench_hlist_head(table, keys[i]));
	}
	return 0;
}

static size_t bench_hlist_get(void *table, const u64 *keys, size_t n, u64 *sum)
{
	struct bench_node *obj;
	size_t i, found = 0;

	for (i = 0; i < n; i++) {
		rcu_read_lock();
		obj = bench_hlist_find(table, keys[i]);
		if (obj) {
			*sum += READ_ONCE(obj->val);
			found++;
		}
		rcu_read_unlock();
	}
	return found;
}

static size_t bench_hlist_overwrite(void *table, const u64 *keys, size_t n)
{
	struct bench_node *obj;
	size_t i, found = 0;

	for (i = 0; i < n; i++) {
		rcu_read_lock();
		obj = bench_hlist_find(table, keys[i]);
		if (obj) {
			WRITE_ONCE(obj->val, ~keys[i]);
			found++;
		}
		rcu_read_unlock();
	}
	return found;
}

static size_t bench_hlist_remove(void *table, const u64 *keys, size_t n)
{
	struct bench_node *obj;
	size_t i, found = 0;

	for (i = 0; i < n; i++) {
		rcu_read_lock();
		obj = bench_hlist_find(table, keys[i]);
		if (obj) {
			hlist_del_rcu(&obj->node);
			kfree(obj);
			found++;
		}
		rcu_read_unlock();
	}
	return found;
}

static size_t bench_hlist_iterate(void *table, u64 *sum)
{
	struct bench_table *t = table;
	struct bench_node *obj;
	size_t i, found = 0;

	rcu_read_lock();
	for (i = 0; i < 1UL << t->bits; i++) {
		hlist_for_each_entry_rcu(obj, &t->heads[i], node) {
			*sum += READ_ONCE(obj->val);
			found++;
		}
	}
	rcu_read_unlock();
	return found;
}

const struct bench_subject bench_hlist = {
	.name = "hlist",
	.keying = &bench_sparse,
	.create = bench_hlist_create,
	.destroy = bench_hlist_destroy,
	.insert = bench_hlist_insert,
	.get = bench_hlist_get,
	.overwrite = bench_hlist_overwrite,
	.remove = bench_hlist_remove,
	.iterate = bench_hlist_iterate,
};
