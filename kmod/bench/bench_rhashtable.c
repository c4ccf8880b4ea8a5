// SPDX-License-Identifier: GPL-2.0-only
/*
 * rhashtable, as <linux/rhashtable.h> recommends: constant parameters, so that
 * the compiler specialises hashing and comparison, one kmalloc() an object.
 *
 * Insertion refuses a key that is present, since a map has unique keys. Removal
 * by key is a lookup and a removal, as there is no call for both. Objects are
 * freed at once: readers would need kfree_rcu(), which costs more.
 */

#include <linux/mm.h>
#include <linux/rhashtable.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "bench.h"

struct bench_object {
	struct rhash_head node;
	u64 key;
	u64 val;
};

void *bench_rht_create(const struct rhashtable_params *params)
{
	struct rhashtable *ht = kmalloc(sizeof(*ht), GFP_KERNEL);

	if (ht && rhashtable_init(ht, params)) {
		kfree(ht);
		return NULL;
	}
	return ht;
}

static void bench_rht_free_object(void *obj, void *unused)
{
	kfree(obj);
}

void bench_rht_destroy(void *table)
{
	if (!table)
		return;
	rhashtable_free_and_destroy(table, bench_rht_free_object, NULL);
	kfree(table);
}

static __always_inline int
bench_rht_insert(void *table, const u64 *keys, size_t n, gfp_t gfp,
		 const struct rhashtable_params params)
{
	struct bench_object *obj;
	size_t i;
	int err;

	for (i = 0; i < n; i++) {
		obj = kmalloc(sizeof(*obj), gfp);
		if (!obj)
			return -ENOMEM;
		obj->key = keys[i];
		obj->val = keys[i];
		err = rhashtable_lookup_insert_fast(table, &obj->node, params);
		if (err) {
			kfree(obj);
			return err;
		}
	}
	return 0;
}

static __always_inline size_t
bench_rht_get(void *table, const u64 *keys, size_t n, u64 *sum,
	      const struct rhashtable_params params)
{
	struct bench_object *obj;
	size_t i, found = 0;

	for (i = 0; i < n; i++) {
		rcu_read_lock();
		obj = rhashtable_lookup(table, &keys[i], params);
		if (obj) {
			*sum += READ_ONCE(obj->val);
			found++;
		}
		rcu_read_unlock();
	}
	return found;
}

static __always_inline size_t
bench_rht_overwrite(void *table, const u64 *keys, size_t n,
		    const struct rhashtable_params params)
{
	struct bench_object *obj;
	size_t i, found = 0;

	for (i = 0; i < n; i++) {
		rcu_read_lock();
		obj = rhashtable_lookup(table, &keys[i], params);
		if (obj) {
			WRITE_ONCE(obj->val, ~keys[i]);
			found++;
		}
		rcu_read_unlock();
	}
	return found;
}

static __always_inline size_t
bench_rht_remove(void *table, const u64 *keys, size_t n,
		 const struct rhashtable_params params)
{
	struct bench_object *obj;
	size_t i, found = 0;

	for (i = 0; i < n; i++) {
		rcu_read_lock();
		obj = rhashtable_lookup(table, &keys[i], params);
		if (obj && !rhashtable_remove_fast(table, &obj->node, params)) {
			kfree(obj);
			found++;
		}
		rcu_read_unlock();
	}
	return found;
}

/* Entries may move meanwhile, and the walk begin again; nobody does that here. */
static size_t bench_rht_iterate(void *table, u64 *sum)
{
	struct rhashtable_iter it;
	struct bench_object *obj;
	size_t found = 0;

	rhashtable_walk_enter(table, &it);
	rhashtable_walk_start(&it);
	while ((obj = rhashtable_walk_next(&it))) {
		if (IS_ERR(obj))
			continue;
		*sum += READ_ONCE(obj->val);
		found++;
	}
	rhashtable_walk_stop(&it);
	rhashtable_walk_exit(&it);
	return found;
}

void bench_rht_settle(void *table)
{
	struct rhashtable *ht = table;

	flush_work(&ht->run_work);
}

static size_t bench_rht_bucket_bytes(const struct bucket_table *tbl)
{
	size_t size = struct_size(tbl, buckets, tbl->size);

	return is_vmalloc_addr(tbl) ? PAGE_ALIGN(size) :
				      kmalloc_size_roundup(size);
}

/* Usually there is one bucket table, and while a worker moves entries two. */
static size_t bench_rht_bytes(void *table)
{
	struct rhashtable *ht = table;
	struct bucket_table *tbl;
	size_t bytes;

	bytes = atomic_read(&ht->nelems) *
		kmalloc_size_roundup(sizeof(struct bench_object));
	rcu_read_lock();
	for (tbl = rcu_dereference(ht->tbl); tbl;
	     tbl = rcu_dereference(tbl->future_tbl))
		bytes += bench_rht_bucket_bytes(tbl);
	rcu_read_unlock();
	return bytes;
}

/*
 * The functions are the same, but not for the compiler. Growth does not depend
 * on shrinking: one of the two shows its memory, and is filled when reserved.
 */
#define BENCH_RHASHTABLE(subject, subject_name, shrink, reserve, tell_bytes) \
static const struct rhashtable_params subject##_params = {		\
	.key_len = sizeof(u64),						\
	.key_offset = offsetof(struct bench_object, key),		\
	.head_offset = offsetof(struct bench_object, node),		\
	.automatic_shrinking = (shrink),				\
};									\
									\
static void *subject##_create(size_t n)					\
{									\
	return bench_rht_create(&subject##_params);			\
}									\
									\
static int subject##_insert(void *table, const u64 *keys, size_t n,	\
			    gfp_t gfp)					\
{									\
	return bench_rht_insert(table, keys, n, gfp, subject##_params);	\
}									\
									\
static size_t subject##_get(void *table, const u64 *keys, size_t n,	\
			    u64 *sum)					\
{									\
	return bench_rht_get(table, keys, n, sum, subject##_params);	\
}									\
									\
static size_t subject##_overwrite(void *table, const u64 *keys, size_t n)	\
{									\
	return bench_rht_overwrite(table, keys, n, subject##_params);	\
}									\
									\
static size_t subject##_remove(void *table, const u64 *keys, size_t n)	\
{									\
	return bench_rht_remove(table, keys, n, subject##_params);	\
}									\
									\
const struct bench_subject subject = {					\
	.name = subject_name,						\
	.keying = &bench_sparse,					\
	.create = subject##_create,					\
	.create_reserved = reserve,					\
	.destroy = bench_rht_destroy,					\
	.insert = subject##_insert,					\
	.get = subject##_get,						\
	.overwrite = subject##_overwrite,				\
	.remove = subject##_remove,					\
	.iterate = bench_rht_iterate,					\
	.settle = bench_rht_settle,					\
	.bytes = tell_bytes,						\
}

static void *bench_rht_reserved(size_t n);

BENCH_RHASHTABLE(bench_rhashtable, "rhashtable", true, bench_rht_reserved,
		 bench_rht_bytes);
BENCH_RHASHTABLE(bench_rhashtable_noshrink, "rhashtable-noshrink", false, NULL,
		 NULL);

static void *bench_rht_reserved(size_t n)
{
	struct rhashtable_params params = bench_rhashtable_params;

	params.nelem_hint = n;
	return bench_rht_create(&params);
}
