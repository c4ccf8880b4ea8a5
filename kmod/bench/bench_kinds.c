// SPDX-License-Identifier: GPL-2.0-only
/*
 * Maps with other keys and values: gomap, rhashtable and a table of hlists.
 *
 *	map-u32		keys of 4 bytes, values of 8
 *	map-16		keys of 16 bytes, values of 8
 *	map-string	strings of 12 to 24 bytes or so, values of 8
 *	map-set		keys of 8 bytes, no values
 *	map-64		keys of 8 bytes, values of 64
 *
 * rhashtable is told as much as <linux/rhashtable.h> recommends: a fixed size of
 * keys, which it then hashes and compares itself, and for strings functions of
 * ours. The functions below are inlined once for each kind, with the kind
 * constant, so that sizes and parameters are, too. Otherwise bench_rhashtable.c
 * and bench_hlist.c hold.
 */

#include <linux/err.h>
#include <linux/gomap.h>
#include <linux/hash.h>
#include <linux/jhash.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/rculist.h>
#include <linux/rhashtable.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "bench.h"

/* Largest value, in words. */
#define BENCH_VAL_WORDS		8

/**
 * struct bench_record - an entry of those who leave memory to their users
 * @rht: node of an rhashtable
 * @hlist: or of an hlist
 * @data: the key, then the value
 */
struct bench_record {
	union {
		struct rhash_head rht;
		struct hlist_node hlist;
	};
	u64 data[];
};

/**
 * struct bench_kind - keys and values of a map
 * @words: u64s that a key takes in an array of keys
 * @val_words: and a value
 * @key_size: bytes of a key; the most of a string
 * @string: keys are struct bench_string
 * @params: for rhashtable
 */
struct bench_kind {
	unsigned int words;
	unsigned int val_words;
	unsigned int key_size;
	bool string;
	struct rhashtable_params params;
};

static u32 bench_string_hash(const void *key, u32 len, u32 seed)
{
	const struct bench_string *s = key;

	return jhash(s->data, s->len, seed);
}

static u32 bench_record_hash(const void *obj, u32 len, u32 seed)
{
	const struct bench_record *r = obj;

	return bench_string_hash(r->data, len, seed);
}

static bool bench_string_equal(const void *a, const void *b)
{
	const struct bench_string *x = a, *y = b;

	return x->len == y->len && !memcmp(x->data, y->data, x->len);
}

static int bench_record_cmp(struct rhashtable_compare_arg *arg, const void *obj)
{
	const struct bench_record *r = obj;

	return !bench_string_equal(arg->key, r->data);
}

#define BENCH_RHT_PARAMS(size)						\
{									\
	.key_len = (size),						\
	.key_offset = offsetof(struct bench_record, data),		\
	.head_offset = offsetof(struct bench_record, rht),		\
	.automatic_shrinking = true,					\
}

static const struct bench_kind bench_kind_u32 = {
	.words = 1,
	.val_words = 1,
	.key_size = 4,
	.params = BENCH_RHT_PARAMS(4),
};

static const struct bench_kind bench_kind_16 = {
	.words = 2,
	.val_words = 1,
	.key_size = 16,
	.params = BENCH_RHT_PARAMS(16),
};

static const struct bench_kind bench_kind_set = {
	.words = 1,
	.val_words = 0,
	.key_size = 8,
	.params = BENCH_RHT_PARAMS(8),
};

static const struct bench_kind bench_kind_64 = {
	.words = 1,
	.val_words = 8,
	.key_size = 8,
	.params = BENCH_RHT_PARAMS(8),
};

static const struct bench_kind bench_kind_string = {
	.words = sizeof(struct bench_string) / sizeof(u64),
	.val_words = 1,
	.key_size = sizeof_field(struct bench_string, data),
	.string = true,
	.params = {
		.head_offset = offsetof(struct bench_record, rht),
		.hashfn = bench_string_hash,
		.obj_hashfn = bench_record_hash,
		.obj_cmpfn = bench_record_cmp,
		.automatic_shrinking = true,
	},
};

/* Values begin with the first word of their key, and are zero otherwise. */
static __always_inline void bench_kind_value(u64 *val, u64 first,
					     const struct bench_kind *k)
{
	if (k->val_words)
		val[0] = first;
	if (k->val_words > 1)
		memset(&val[1], 0, (k->val_words - 1) * sizeof(u64));
}

/*
 * gomap.
 */

/* What gomap wants for a key. @b is room for that. */
static __always_inline const void *
bench_kind_key(const u64 *key, struct gomap_bytes *b,
	       const struct bench_kind *k)
{
	struct bench_string *s = (struct bench_string *)key;

	if (!k->string)
		return key;
	b->data = s->data;
	b->len = s->len;
	return b;
}

static __always_inline void *bench_kgo_create(size_t n,
					      const struct bench_kind *k)
{
	const struct gomap_params params = {
		.key_size = k->key_size,
		.val_size = k->val_words * sizeof(u64),
		.flags = k->string ? GOMAP_BYTES : 0,
	};
	struct gomap *m = gomap_alloc(&params, 0, GFP_KERNEL);

	return IS_ERR(m) ? NULL : m;
}

static __always_inline void *bench_kgo_reserved(size_t n,
						const struct bench_kind *k)
{
	struct gomap *m = bench_kgo_create(n, k);

	if (m && gomap_reserve(m, n, GFP_KERNEL)) {
		gomap_free(m);
		return NULL;
	}
	return m;
}

static __always_inline int bench_kgo_insert(void *table, const u64 *keys,
					    size_t n, gfp_t gfp,
					    const struct bench_kind *k)
{
	u64 val[BENCH_VAL_WORDS];
	struct gomap_bytes b;
	const u64 *key;
	size_t i;
	int err;

	for (i = 0; i < n; i++) {
		key = &keys[i * k->words];
		bench_kind_value(val, *key, k);
		err = gomap_put(table, bench_kind_key(key, &b, k), val,
				GOMAP_ANY, gfp);
		if (err)
			return err;
	}
	return 0;
}

static __always_inline size_t bench_kgo_get(void *table, const u64 *keys,
					    size_t n, u64 *sum,
					    const struct bench_kind *k)
{
	u64 val[BENCH_VAL_WORDS];
	size_t i, found = 0;
	struct gomap_bytes b;

	for (i = 0; i < n; i++) {
		if (!gomap_get(table, bench_kind_key(&keys[i * k->words], &b, k),
			       val))
			continue;
		if (k->val_words)
			*sum += val[0];
		found++;
	}
	return found;
}

/* Keys of a call lie close together. Strings are pointed to. */
static __always_inline const void *
bench_kgo_gather(const u64 *keys, size_t nr, u32 *small,
		 struct gomap_bytes *strings, const struct bench_kind *k)
{
	size_t i;

	if (k->string) {
		for (i = 0; i < nr; i++)
			bench_kind_key(&keys[i * k->words], &strings[i], k);
		return strings;
	}
	if (k->key_size != sizeof(u32))
		return keys;
	for (i = 0; i < nr; i++)
		small[i] = *(const u32 *)&keys[i];
	return small;
}

static __always_inline size_t bench_kgo_get_many(void *table, const u64 *keys,
						 size_t n, u64 *sum,
						 const struct bench_kind *k)
{
	u64 vals[BENCH_BATCH * BENCH_VAL_WORDS];
	struct gomap_bytes strings[BENCH_BATCH];
	size_t i, j, nr, found = 0;
	u32 small[BENCH_BATCH];

	for (i = 0; i < n; i += nr) {
		nr = min_t(size_t, n - i, BENCH_BATCH);
		found += gomap_get_many(table,
					bench_kgo_gather(&keys[i * k->words],
							 nr, small, strings, k),
					vals, NULL, nr);
		for (j = 0; k->val_words && j < nr; j++)
			*sum += vals[j * k->val_words];
	}
	return found;
}

static __always_inline size_t bench_kgo_overwrite(void *table, const u64 *keys,
						  size_t n,
						  const struct bench_kind *k)
{
	u64 val[BENCH_VAL_WORDS];
	size_t i, found = 0;
	struct gomap_bytes b;
	const u64 *key;

	for (i = 0; i < n; i++) {
		key = &keys[i * k->words];
		bench_kind_value(val, ~*key, k);
		found += !gomap_put(table, bench_kind_key(key, &b, k), val,
				    GOMAP_EXISTING, GFP_KERNEL);
	}
	return found;
}

static __always_inline size_t bench_kgo_remove(void *table, const u64 *keys,
					       size_t n,
					       const struct bench_kind *k)
{
	struct gomap_bytes b;
	size_t i, found = 0;

	for (i = 0; i < n; i++)
		found += !gomap_delete(table, bench_kind_key(&keys[i * k->words],
							     &b, k));
	return found;
}

static __always_inline size_t bench_kgo_iterate(void *table, u64 *sum,
						const struct bench_kind *k)
{
	u64 key[sizeof(struct bench_string) / sizeof(u64)];
	struct gomap_bytes b = { .data = key };
	u64 val[BENCH_VAL_WORDS];
	struct gomap_iter it;
	size_t found = 0;

	gomap_iter_init(&it, table);
	while (gomap_iter_next(&it, k->string ? (void *)&b : key, val)) {
		if (k->val_words)
			*sum += val[0];
		found++;
	}
	gomap_iter_end(&it);
	return found;
}

/*
 * Records, for the other two.
 */

static __always_inline struct bench_record *
bench_record_alloc(const u64 *key, gfp_t gfp, const struct bench_kind *k)
{
	struct bench_record *r;

	r = kmalloc(struct_size(r, data, k->words + k->val_words), gfp);
	if (!r)
		return NULL;
	memcpy(r->data, key, k->words * sizeof(u64));
	bench_kind_value(&r->data[k->words], *key, k);
	return r;
}

/* Read all that is in the value, as gomap copies all of it. */
static __always_inline void bench_record_read(const struct bench_record *r,
					      u64 *sum,
					      const struct bench_kind *k)
{
	u64 val[BENCH_VAL_WORDS];

	if (!k->val_words)
		return;
	memcpy(val, &r->data[k->words], k->val_words * sizeof(u64));
	/* The copy must be made. */
	OPTIMIZER_HIDE_VAR(val[k->val_words - 1]);
	*sum += val[0];
}

static __always_inline void bench_record_write(struct bench_record *r, u64 first,
					       const struct bench_kind *k)
{
	bench_kind_value(&r->data[k->words], first, k);
	/* Each of them, although the next one may be to the same record. */
	barrier();
}

/*
 * rhashtable.
 */

static __always_inline void *bench_krht_create(size_t n,
					       const struct bench_kind *k)
{
	return bench_rht_create(&k->params);
}

static __always_inline void *bench_krht_reserved(size_t n,
						 const struct bench_kind *k)
{
	struct rhashtable_params params = k->params;

	params.nelem_hint = n;
	return bench_rht_create(&params);
}

static __always_inline int bench_krht_add(void *table, struct bench_record *r,
					  const struct bench_kind *k)
{
	if (k->string)
		return rhashtable_lookup_insert_key(table, r->data, &r->rht,
						    k->params);
	return rhashtable_lookup_insert_fast(table, &r->rht, k->params);
}

static __always_inline int bench_krht_insert(void *table, const u64 *keys,
					     size_t n, gfp_t gfp,
					     const struct bench_kind *k)
{
	struct bench_record *r;
	size_t i;
	int err;

	for (i = 0; i < n; i++) {
		r = bench_record_alloc(&keys[i * k->words], gfp, k);
		if (!r)
			return -ENOMEM;
		err = bench_krht_add(table, r, k);
		if (err) {
			kfree(r);
			return err;
		}
	}
	return 0;
}

static __always_inline struct bench_record *
bench_krht_find(void *table, const u64 *key, const struct bench_kind *k)
{
	return rhashtable_lookup(table, key, k->params);
}

static __always_inline void bench_krht_unlink(void *table,
					      struct bench_record *r,
					      const struct bench_kind *k)
{
	rhashtable_remove_fast(table, &r->rht, k->params);
}

static __always_inline size_t bench_krht_iterate(void *table, u64 *sum,
						 const struct bench_kind *k)
{
	struct rhashtable_iter it;
	struct bench_record *r;
	size_t found = 0;

	rhashtable_walk_enter(table, &it);
	rhashtable_walk_start(&it);
	while ((r = rhashtable_walk_next(&it))) {
		if (IS_ERR(r))
			continue;
		bench_record_read(r, sum, k);
		found++;
	}
	rhashtable_walk_stop(&it);
	rhashtable_walk_exit(&it);
	return found;
}

/*
 * A table of hlists, as large as it will ever have to be.
 */

struct bench_heads {
	unsigned int bits;
	struct hlist_head heads[];
};

static __always_inline void *bench_khl_create(size_t n,
					      const struct bench_kind *k)
{
	unsigned int bits = ilog2(roundup_pow_of_two(max_t(size_t, n, 2)));
	struct bench_heads *t;

	t = kvzalloc(struct_size(t, heads, 1UL << bits), GFP_KERNEL);
	if (t)
		t->bits = bits;
	return t;
}

static void bench_khl_destroy(void *table)
{
	struct bench_heads *t = table;
	struct hlist_node *next;
	struct bench_record *r;
	size_t i;

	for (i = 0; t && i < 1UL << t->bits; i++)
		hlist_for_each_entry_safe(r, next, &t->heads[i], hlist)
			kfree(r);
	kvfree(t);
}

static __always_inline struct hlist_head *
bench_khl_head(struct bench_heads *t, const u64 *key,
	       const struct bench_kind *k)
{
	u32 hash;

	if (k->key_size == sizeof(u64))
		return &t->heads[hash_64(*key, t->bits)];
	if (k->key_size == sizeof(u32))
		return &t->heads[hash_32(*(const u32 *)key, t->bits)];
	if (k->string)
		hash = bench_string_hash(key, 0, 0);
	else
		hash = jhash2((const u32 *)key, k->key_size / sizeof(u32), 0);
	return &t->heads[hash & ((1UL << t->bits) - 1)];
}

static __always_inline bool bench_key_equal(const u64 *a, const u64 *b,
					    const struct bench_kind *k)
{
	if (k->string)
		return bench_string_equal(a, b);
	if (k->key_size == sizeof(u32))
		return *(const u32 *)a == *(const u32 *)b;
	return a[0] == b[0] && (k->words == 1 || a[1] == b[1]);
}

static __always_inline struct bench_record *
bench_khl_find(void *table, const u64 *key, const struct bench_kind *k)
{
	struct bench_record *r;

	hlist_for_each_entry_rcu(r, bench_khl_head(table, key, k), hlist) {
		if (bench_key_equal(r->data, key, k))
			return r;
	}
	return NULL;
}

static __always_inline int bench_khl_insert(void *table, const u64 *keys,
					    size_t n, gfp_t gfp,
					    const struct bench_kind *k)
{
	struct bench_record *r;
	const u64 *key;
	size_t i;

	for (i = 0; i < n; i++) {
		key = &keys[i * k->words];
		r = bench_record_alloc(key, gfp, k);
		if (!r)
			return -ENOMEM;
		hlist_add_head_rcu(&r->hlist, bench_khl_head(table, key, k));
	}
	return 0;
}

static __always_inline void bench_khl_unlink(void *table,
					     struct bench_record *r,
					     const struct bench_kind *k)
{
	hlist_del_rcu(&r->hlist);
}

static __always_inline size_t bench_khl_iterate(void *table, u64 *sum,
						const struct bench_kind *k)
{
	struct bench_heads *t = table;
	struct bench_record *r;
	size_t i, found = 0;

	rcu_read_lock();
	for (i = 0; i < 1UL << t->bits; i++) {
		hlist_for_each_entry_rcu(r, &t->heads[i], hlist) {
			bench_record_read(r, sum, k);
			found++;
		}
	}
	rcu_read_unlock();
	return found;
}

/*
 * The same for both, but for how a record is found and unlinked.
 */

#define BENCH_RECORD_OPS(family)					\
static __always_inline size_t						\
family##_get(void *table, const u64 *keys, size_t n, u64 *sum,		\
	     const struct bench_kind *k)				\
{									\
	struct bench_record *r;						\
	size_t i, found = 0;						\
									\
	for (i = 0; i < n; i++) {					\
		rcu_read_lock();					\
		r = family##_find(table, &keys[i * k->words], k);	\
		if (r) {						\
			bench_record_read(r, sum, k);			\
			found++;					\
		}							\
		rcu_read_unlock();					\
	}								\
	return found;							\
}									\
									\
static __always_inline size_t						\
family##_overwrite(void *table, const u64 *keys, size_t n,		\
		   const struct bench_kind *k)				\
{									\
	struct bench_record *r;						\
	size_t i, found = 0;						\
									\
	for (i = 0; i < n; i++) {					\
		rcu_read_lock();					\
		r = family##_find(table, &keys[i * k->words], k);	\
		if (r) {						\
			bench_record_write(r, ~keys[i * k->words], k);	\
			found++;					\
		}							\
		rcu_read_unlock();					\
	}								\
	return found;							\
}									\
									\
static __always_inline size_t						\
family##_remove(void *table, const u64 *keys, size_t n,			\
		const struct bench_kind *k)				\
{									\
	struct bench_record *r;						\
	size_t i, found = 0;						\
									\
	for (i = 0; i < n; i++) {					\
		rcu_read_lock();					\
		r = family##_find(table, &keys[i * k->words], k);	\
		if (r) {						\
			family##_unlink(table, r, k);			\
			kfree(r);					\
			found++;					\
		}							\
		rcu_read_unlock();					\
	}								\
	return found;							\
}

BENCH_RECORD_OPS(bench_krht)
BENCH_RECORD_OPS(bench_khl)

/*
 * One subject for each of the three and each kind.
 */

#define BENCH_KIND	u32
#define BENCH_SET	false
#define BENCH_SUITE	"map-u32"
#define BENCH_KEYING	bench_u32
#include "bench_kind.h"

#define BENCH_KIND	16
#define BENCH_SET	false
#define BENCH_SUITE	"map-16"
#define BENCH_KEYING	bench_pair
#include "bench_kind.h"

#define BENCH_KIND	string
#define BENCH_SET	false
#define BENCH_SUITE	"map-string"
#define BENCH_KEYING	bench_strings
#include "bench_kind.h"

#define BENCH_KIND	set
#define BENCH_SET	true
#define BENCH_SUITE	"map-set"
#define BENCH_KEYING	bench_sparse
#include "bench_kind.h"

#define BENCH_KIND	64
#define BENCH_SET	false
#define BENCH_SUITE	"map-64"
#define BENCH_KEYING	bench_sparse
#include "bench_kind.h"

const struct bench_subject *const
bench_kinds[BENCH_KINDS][BENCH_KIND_PEERS] = {
	{ &bench_kgo_u32_subject, &bench_krht_u32_subject, &bench_khl_u32_subject },
	{ &bench_kgo_16_subject, &bench_krht_16_subject, &bench_khl_16_subject },
	{ &bench_kgo_string_subject, &bench_krht_string_subject, &bench_khl_string_subject },
	{ &bench_kgo_set_subject, &bench_krht_set_subject, &bench_khl_set_subject },
	{ &bench_kgo_64_subject, &bench_krht_64_subject, &bench_khl_64_subject },
};
