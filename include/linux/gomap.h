/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * gomap - Swiss hash maps for kernel code
 *
 * An open-addressing hash map with the layout of Go's: groups of eight slots
 * with a control word, tables of at most 1024 slots, or fewer if slots are large,
 * and a directory indexed by the top bits of the hash. It grows by one table at a
 * time, so no insert ever moves more than 896 entries, nor more than 17 KiB, and
 * it gives memory back when it empties.
 *
 * Values are copied. To store objects of your own, let the value be a pointer,
 * free the objects after a grace period, and call gomap_get() and use what it
 * gives under rcu_read_lock().
 *
 * Example
 *	static const struct gomap_params params = {
 *		.key_size = sizeof(u64),
 *		.val_size = sizeof(u64),
 *	};
 *	static struct gomap map;
 *	u64 key = 42, val = 1;
 *
 *	err = gomap_init(&map, &params, 0, GFP_KERNEL);			// 0
 *	err = gomap_put(&map, &key, &val, GOMAP_ANY, GFP_KERNEL);	// 0
 *	if (gomap_get(&map, &key, &val))
 *		pr_info("%llu\n", val);					// prints 1
 *	err = gomap_delete(&map, &key);					// 0
 *	err = gomap_delete(&map, &key);					// -ENOENT
 *	gomap_destroy(&map);
 *
 * DEFINE_GOMAP() gives the same with the types of key and value checked.
 *
 * Guarantees
 *	Keys are unique. A lookup copies the value out: it sees one that was
 *	stored, whole, and never misses a key that is present throughout. All
 *	operations on one key are linearisable, and those of one caller on
 *	several keys happen in the order of its calls, those of gomap_get_many()
 *	in the order of its keys. An operation that fails leaves all entries as
 *	they were.
 *
 *	A NULL map is Go's nil map: every lookup, deletion and iteration works
 *	as on an empty map, and what would insert fails. But gomap_get() and
 *	gomap_get_many() do not zero the values then, as they do for absent
 *	keys: only the map knows their size. The name_get() of DEFINE_GOMAP()
 *	does.
 *
 * Errors
 *	-ENOENT: the key is not in the map. -EEXIST: it is, where only absent
 *	ones are inserted; from gomap_cas(), with another value. -E2BIG: the map
 *	has as many entries as it may have, or too many keys of almost the same
 *	hash. -ENOMEM: no memory to grow, or for a value kept outside the table.
 *	-EINVAL: a key longer than the map's may be; from gomap_init(),
 *	parameters that cannot be; from others, a map of the wrong kind.
 *	-EBADF: a change other than a deletion, or a reservation, on NULL.
 *	-EINTR: from a reservation, or a hint, whose caller is being killed.
 *	-ENOBUFS: from gomap_scan(), no room for entries whose hashes cannot be
 *	told apart.
 *
 * Contexts
 *	Lookups take no lock and write nothing that is shared: any context but
 *	NMI, also one that interrupted a writer. Writers take the irq-safe lock
 *	of one table; those that may allocate do it outside, with the caller's
 *	GFP flags: any context but NMI with GFP_ATOMIC. The callbacks of struct
 *	gomap_params run under that lock: they must not sleep, nor call into
 *	the map. Exceptions, PREEMPT_RT: Documentation/core-api/contexts.rst.
 *
 * Lifetime
 *	The owner sees to it that nobody uses the map any more, and that all
 *	iterators have ended, before gomap_destroy().
 */

#ifndef _LINUX_GOMAP_H
#define _LINUX_GOMAP_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/cache.h>
#include <linux/rcupdate.h>
#include <linux/seqlock.h>
#include <linux/siphash.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct gomap_table;

/* Longest key, and longest value, in bytes. */
#define GOMAP_MAX_KEY_SIZE	128
#define GOMAP_MAX_VAL_SIZE	65536

/* Longest value that is kept in the table. */
#define GOMAP_MAX_INLINE	128

/*
 * Flags of struct gomap_params.
 *
 * BYTES: keys have a length of their own, up to key_size, and every "key" of
 *	the API points to a struct gomap_bytes.
 * SIPHASH: hash with SipHash, for keys that somebody else chooses: SipHash-1-3
 *	if keys and values have 8 bytes, as hash tables of other languages do,
 *	else SipHash-2-4. This holds only while hashes stay secret: do not give
 *	a struct gomap_cursor of such a map to who chooses its keys.
 * UPDATE_KEY: an overwrite replaces the stored key, too: equal keys may differ
 *	in representation, as +0.0 and -0.0 do.
 * IRREFLEXIVE: a key may differ from itself, as NaN does. Such entries are
 *	found by iteration only and removed by gomap_clear() only; inserting
 *	one always adds an entry. Such a map does not shrink, and
 *	gomap_scan() refuses it. Needs @equal.
 */
#define GOMAP_BYTES		BIT(0)
#define GOMAP_SIPHASH		BIT(1)
#define GOMAP_UPDATE_KEY	BIT(2)
#define GOMAP_IRREFLEXIVE	BIT(3)

/**
 * struct gomap_bytes - a key of a map with GOMAP_BYTES
 * @data: the bytes; room for key_size of them where the key is an output
 * @len: their number, 0 to key_size
 */
struct gomap_bytes {
	void *data;
	u32 len;
};

/**
 * struct gomap_payer - what the memory of maps is charged to
 * @charge: called before @bytes are allocated, rounded as the allocator does.
 *	Returns 0, or an error, which the operation then fails with. @gfp are
 *	the flags that the operation's caller has given: they tell whether
 *	@charge may sleep. It must not fail with __GFP_NOFAIL. No lock is held.
 * @retire: called when bytes that are charged begin to wait for a grace period,
 *	after which they are freed. In any context but NMI, perhaps with locks
 *	of the map held: it must not call into a map.
 * @uncharge: called when bytes have been freed; @retired tells whether they were
 *	in a call of @retire before. In any context but NMI.
 *
 * A payer stays until all that was charged to it is uncharged. What RCU frees
 * is charged until then, also when the map has been destroyed:
 * gomap_free_barrier() waits for that.
 */
struct gomap_payer {
	int (*charge)(struct gomap_payer *payer, size_t bytes, gfp_t gfp);
	void (*retire)(struct gomap_payer *payer, size_t bytes);
	void (*uncharge)(struct gomap_payer *payer, size_t bytes, bool retired);
};

/**
 * struct gomap_params - what a map holds and how it hashes
 * @key_size: bytes of a key, 1 to GOMAP_MAX_KEY_SIZE; the longest with
 *	GOMAP_BYTES
 * @val_size: bytes of a value, 0 to GOMAP_MAX_VAL_SIZE. Values of more than
 *	GOMAP_MAX_INLINE bytes are kept outside the table.
 * @flags: GOMAP_* flags
 * @max_entries: an insert beyond this number fails; 0 for no limit
 * @hash: hash of the bytes of a key that matter to @equal, or NULL. It needs
 *	good low and high bits, and different results for different seeds.
 * @equal: equality of two keys' bytes, or NULL for identity; needs @hash.
 *	It always sees whole keys, as they were stored.
 * @gfp: flags added to each allocation, such as __GFP_ACCOUNT. With that one
 *	the map does not shrink by itself, since a work item has no memory
 *	cgroup to charge: after deletions its owner calls gomap_shrink_some(),
 *	or gomap_shrink(), in a context of the right one.
 * @payer: what the map's memory is charged to, or NULL. Goes with
 *	__GFP_ACCOUNT: a work item has nobody to charge.
 *
 * A key of 4 or 8 bytes, hashed in the fast way, is compared as an integer; a
 * value of a multiple of 8, 4 or 2 bytes is aligned so.
 */
struct gomap_params {
	u32 key_size;
	u32 val_size;
	u32 flags;
	size_t max_entries;
	u64 (*hash)(const void *key, u32 len, u64 seed);
	bool (*equal)(const void *a, const void *b, u32 a_len, u32 b_len);
	gfp_t gfp;
	struct gomap_payer *payer;
};

/* The head of a directory; its 1 << depth entries follow it in memory. */
struct gomap_dir {
	/* private: */
	siphash_key_t seed;
	u32 depth;
	u32 shift;
	struct rcu_head rcu;
};

/* An entry of a directory. */
struct gomap_entry {
	/* private: */
	unsigned long table;
	void *slots;
};

/* A pass over a map that gives memory back: how far it has come. */
struct gomap_pass {
	/* private: */
	u64 pos;
	u64 credit;
	u32 work;
	bool in_dir;
	bool again;
	bool shorter;
	bool done;
};

/**
 * struct gomap - a map
 *
 * Initialised by gomap_init(). All members are private.
 */
struct gomap {
	/* private: what lookups read */
	struct gomap_dir __rcu *dir;
	u8 kind;
	u8 max_shift;
	u16 val_off;
	u16 slot_size;
	u16 flags;
	u32 key_size;
	u32 val_size;
	u64 (*hash)(const void *key, u32 len, u64 seed);
	bool (*equal)(const void *a, const void *b, u32 a_len, u32 b_len);
	size_t max_entries;
	gfp_t gfp;
	struct gomap_payer *payer;

	/* private: what every writer changes */
	atomic_long_t used ____cacheline_aligned_in_smp;

	/* private: what growth and shrinking change */
	spinlock_t lock ____cacheline_aligned_in_smp;
	size_t nr_tables;
	size_t slots;
	size_t shrink_floor;
	bool reserved;
	bool dying;
	bool shrink_due;
	unsigned int nr_pool;
	struct gomap_table *pool;
	struct gomap_dir *next_dir;
	size_t next_done;
	seqcount_spinlock_t changes;
	u32 nr_at_depth[25];
	unsigned long shrink_busy;
	struct gomap_pass pass;
	struct delayed_work shrink_work;
	struct work_struct grow_work;

	/* private: the directory of a map that has not outgrown one table */
	struct gomap_dir first_dir;
	struct gomap_entry first_entry;
};

/**
 * enum gomap_put_how - what an insert does about a key's presence
 * @GOMAP_ANY: insert or overwrite
 * @GOMAP_NEW: insert only
 * @GOMAP_EXISTING: overwrite only
 */
enum gomap_put_how {
	GOMAP_ANY,
	GOMAP_NEW,
	GOMAP_EXISTING,
};

/**
 * struct gomap_stats - what a map is made of
 * @entries: entries
 * @tombstones: slots of deleted entries that only some keys can reuse as yet
 * @slots: slots of all tables
 * @tables: tables
 * @bytes: memory of tables, those ready for splits included, of the directory,
 *	and of values kept outside the tables, as the allocator rounds it
 * @depth: bits of the hash that index the directory
 */
struct gomap_stats {
	size_t entries;
	size_t tombstones;
	size_t slots;
	size_t tables;
	size_t bytes;
	u32 depth;
};

int __must_check gomap_init(struct gomap *m, const struct gomap_params *p,
			    size_t hint, gfp_t gfp);
void gomap_destroy(struct gomap *m);
struct gomap *gomap_alloc(const struct gomap_params *p, size_t hint, gfp_t gfp);
void gomap_free(struct gomap *m);

bool gomap_get(const struct gomap *m, const void *key, void *val);
bool gomap_contains(const struct gomap *m, const void *key);
unsigned int gomap_get_many(const struct gomap *m, const void *keys,
			    void *vals, unsigned long *found, unsigned int n);

int __must_check gomap_put(struct gomap *m, const void *key, const void *val,
			   enum gomap_put_how how, gfp_t gfp);
int gomap_delete(struct gomap *m, const void *key);
int gomap_take(struct gomap *m, const void *key, void *val);
int __must_check gomap_cas(struct gomap *m, const void *key, void *old,
			   const void *new, gfp_t gfp);
int __must_check gomap_add(struct gomap *m, const void *key, u64 delta,
			   enum gomap_put_how how, u64 *sum, gfp_t gfp);

void gomap_clear(struct gomap *m);
int __must_check gomap_reserve(struct gomap *m, size_t n, gfp_t gfp);
int gomap_shrink(struct gomap *m, gfp_t gfp);
bool gomap_shrink_some(struct gomap *m, unsigned int n, gfp_t gfp);
void gomap_free_barrier(void);
size_t gomap_len(const struct gomap *m);
void gomap_stats(const struct gomap *m, struct gomap_stats *st);

/* From gochan.ko, the device. */
struct gomap *gomap_get_from_fd(int fd, const struct gomap_params *want);
void gomap_put_from_fd(struct gomap *m);

/* Largest slot: key, its length, alignment, value. */
#define GOMAP_MAX_SLOT	(GOMAP_MAX_KEY_SIZE + 8 + GOMAP_MAX_INLINE)

/**
 * struct gomap_iter - an iteration over a map
 *
 * Begun by gomap_iter_init(). All members are private.
 */
struct gomap_iter {
	/* private: */
	const struct gomap *m;
	siphash_key_t seed;
	struct gomap_table *table;
	u64 origin;
	u64 done;
	u64 last;
	u32 turn;
	u32 pos;
	bool whole;
	u8 slot[GOMAP_MAX_SLOT] __aligned(8);
};

void gomap_iter_init(struct gomap_iter *it, const struct gomap *m);
bool gomap_iter_next(struct gomap_iter *it, void *key, void *val);
void gomap_iter_end(struct gomap_iter *it);
int gomap_for_each(const struct gomap *m,
		   int (*fn)(const void *key, const void *val, void *ctx),
		   void *ctx);

/**
 * struct gomap_cursor - where a scan stands
 * @origin: in which order it goes
 * @done: how far it has come, GOMAP_CURSOR_END at the end
 *
 * Plain numbers without a reference to anything, so that a cursor can be kept
 * as long as one likes, copied, or handed to user space and back: one made up
 * is as good as any. Both members are 0 or set by gomap_cursor_init() at the
 * beginning.
 *
 * They are hash values, not secrets kept: with the keys that the scan returned
 * a cursor tells the top bits of their hashes, and so which keys share a table.
 * Who could use that for collisions should get a handle instead, with the
 * cursor behind it.
 */
struct gomap_cursor {
	u64 origin;
	u64 done;
};

#define GOMAP_CURSOR_END	BIT_ULL(63)

void gomap_cursor_init(struct gomap_cursor *c);
int gomap_scan(const struct gomap *m, struct gomap_cursor *c, void *keys,
	       u32 *lens, void *vals, unsigned int n);

/**
 * DEFINE_GOMAP - define a map type with typed functions
 * @name: the type becomes struct name_map, its functions name_init() and so on
 * @key_type: type of the keys, of at most GOMAP_MAX_KEY_SIZE bytes. All its
 *	bytes count: a structure must have no padding.
 * @val_type: type of the values
 * @map_flags: GOMAP_* flags; not GOMAP_BYTES
 *
 * The functions take keys and values by value and are otherwise as those of
 * the same name; what has no typed form works on &m->map, which is NULL if m is.
 * As in Go, name_get() sets *val to zero if the key is not in the map, or if m
 * is NULL.
 */
#define DEFINE_GOMAP(name, key_type, val_type, map_flags)		\
struct name##_map {							\
	struct gomap map;						\
};									\
									\
enum {									\
	name##_map_flags = (map_flags),					\
};									\
									\
static inline int __must_check __maybe_unused				\
name##_init(struct name##_map *m, size_t hint, gfp_t gfp)		\
{									\
	const struct gomap_params p = {					\
		.key_size = sizeof(key_type),				\
		.val_size = sizeof(val_type),				\
		.flags = name##_map_flags,				\
	};								\
									\
	BUILD_BUG_ON(sizeof(key_type) > GOMAP_MAX_KEY_SIZE);		\
	BUILD_BUG_ON(sizeof(val_type) > GOMAP_MAX_VAL_SIZE);		\
	BUILD_BUG_ON(name##_map_flags & GOMAP_BYTES);			\
	return gomap_init(&m->map, &p, hint, gfp);			\
}									\
									\
static inline void __maybe_unused name##_destroy(struct name##_map *m)	\
{									\
	gomap_destroy(&m->map);						\
}									\
									\
static inline bool __maybe_unused					\
name##_get(const struct name##_map *m, typeof(key_type) key,		\
	   typeof(val_type) *val)					\
{									\
	/* The untyped function cannot know the size without a map. */	\
	if (!m)								\
		memset(val, 0, sizeof(*val));				\
	return gomap_get(&m->map, &key, val);				\
}									\
									\
static inline bool __maybe_unused					\
name##_contains(const struct name##_map *m, typeof(key_type) key)	\
{									\
	return gomap_contains(&m->map, &key);				\
}									\
									\
static inline int __must_check __maybe_unused				\
name##_put(struct name##_map *m, typeof(key_type) key, typeof(val_type) val,	\
	   enum gomap_put_how how, gfp_t gfp)				\
{									\
	return gomap_put(&m->map, &key, &val, how, gfp);		\
}									\
									\
static inline int __maybe_unused					\
name##_delete(struct name##_map *m, typeof(key_type) key)		\
{									\
	return gomap_delete(&m->map, &key);				\
}									\
									\
static inline int __maybe_unused					\
name##_take(struct name##_map *m, typeof(key_type) key, typeof(val_type) *val)	\
{									\
	return gomap_take(&m->map, &key, val);				\
}									\
									\
static inline int __must_check __maybe_unused				\
name##_cas(struct name##_map *m, typeof(key_type) key, typeof(val_type) *old,	\
	   typeof(val_type) new, gfp_t gfp)				\
{									\
	return gomap_cas(&m->map, &key, old, &new, gfp);		\
}									\
									\
static inline void __maybe_unused name##_clear(struct name##_map *m)	\
{									\
	gomap_clear(&m->map);						\
}									\
									\
static inline size_t __maybe_unused name##_len(const struct name##_map *m)	\
{									\
	return gomap_len(&m->map);					\
}									\
									\
static inline bool __maybe_unused					\
name##_iter_next(struct gomap_iter *it, typeof(key_type) *key,		\
		 typeof(val_type) *val)					\
{									\
	return gomap_iter_next(it, key, val);				\
}									\
									\
struct name##_map

#endif /* _LINUX_GOMAP_H */
