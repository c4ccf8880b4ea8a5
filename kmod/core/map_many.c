// SPDX-License-Identifier: GPL-2.0-only
/*
 * Maps: lookups of many keys at once.
 *
 * Layout, lifetime and locks: map_internal.h. For users: include/linux/gomap.h.
 */

#include <linux/bitmap.h>
#include <linux/export.h>
#include <linux/kcsan-checks.h>
#include <linux/prefetch.h>

#include "map_read.h"

/*
 * Lookups of gomap_get_many() under way at once. A processor follows some ten
 * to sixteen cache misses at a time; more would only wait in line.
 *
 * All are in one RCU section, so tables and slots stay. A lookup takes the
 * sequence count of its table in the second step, and compares it with what it is
 * in the third: if nothing has changed it, what was read in between is the state
 * of the table in the third step. Otherwise the key is searched for from the
 * beginning. Each comparison has a read barrier in front of it, which orders it
 * behind those of earlier keys, so no answer is older than that for an earlier
 * key; see gomap_changes_begin() for what sequence counts do not tell.
 */
#define GOMAP_FLIGHT	16U

/* What gomap_flight.group is if the table has been found not to have the key. */
#define GOMAP_NO_GROUP	U32_MAX

/**
 * struct gomap_flight - a lookup on its way
 * @t: the table; NULL: there is none, and no such key
 * @hash: the key's
 * @slot: with gomap_has_first(), after the second step: the one to look at; NULL:
 *	to be searched for
 * @group: first group of the search, or GOMAP_NO_GROUP
 * @seq: after the second step: the table's sequence count
 */
struct gomap_flight {
	const struct gomap_table *t;
	union {
		u64 hash;
		const void *slot;
	};
	u32 group;
	unsigned int seq;
};

/* The first step: hash, and have header and control word fetched. */
static __always_inline void gomap_depart(const struct gomap *m,
					 const struct gomap_dir *d,
					 const siphash_key_t *seed,
					 const void *key,
					 struct gomap_flight *f,
					 enum gomap_kind kind)
{
	struct gomap_key k = { };
	unsigned long word;

	f->t = NULL;
	f->group = GOMAP_NO_GROUP;
	if (gomap_key_init(m, &k, key, kind) || !gomap_reflexive(m, &k, kind))
		return;
	k.hash = gomap_hash(m, &k, seed, kind);
	word = gomap_word(gomap_dir_entry(d, k.hash));
	if (unlikely(!word))
		return;
	f->t = gomap_word_table(word);
	f->hash = k.hash;
	f->group = gomap_word_group(word, k.hash);
	prefetch(f->t);
	prefetch(&f->t->ctrl[f->group]);
}

/* The second step: have the slot fetched that is most likely the right one. */
static __always_inline void gomap_approach(const struct gomap *m,
					   struct gomap_flight *f,
					   enum gomap_kind kind)
{
	const struct gomap_table *t = f->t;
	enum gomap_hint hint;
	unsigned int seq;
	void *slot = NULL;

	if (unlikely(!t))
		return;
	/* Odd counts are rounded down, and never what is compared with them. */
	seq = raw_seqcount_begin(&t->seq);
	hint = gomap_look(m, t, f->group, f->hash, &slot, kind);
	/* What raw_seqcount_begin() told KCSAN; the rest is in gomap_recheck(). */
	kcsan_atomic_next(0);
	f->seq = seq;
	if (hint == GOMAP_HERE)
		prefetch(slot);
	else if (likely(hint == GOMAP_ABSENT))
		f->group = GOMAP_NO_GROUP;
	if (gomap_has_first(m, kind))
		f->slot = slot;
}

/* Read the slot of the second step. Return whether it has the key, for sure. */
static __always_inline bool gomap_recheck(const struct gomap *m,
					  const struct gomap_flight *f,
					  const struct gomap_key *k, void *val,
					  enum gomap_kind kind)
{
	bool has;

	kcsan_nestable_atomic_begin();
	has = gomap_read_slot(m, f->t, f->slot, k, GOMAP_VALUE, val, kind);
	kcsan_nestable_atomic_end();
	/* Pairs with write_seqcount_begin() and _end(). */
	return has && !read_seqcount_retry(&f->t->seq, f->seq);
}

/* For who has a hash that is too dear to be computed twice. */
static __always_inline bool gomap_land_on_table(const struct gomap *m,
						const struct gomap_flight *f,
						struct gomap_key *k, void *val,
						enum gomap_kind kind)
{
	k->hash = f->hash;
	return gomap_read_table(m, gomap_entry_word(f->t), k, GOMAP_VALUE, val,
				kind);
}

static __always_inline bool gomap_do_land(const struct gomap *m,
					  const struct gomap_flight *f,
					  const void *key, void *val,
					  enum gomap_kind kind)
{
	struct gomap_key k = { };

	if (f->group == GOMAP_NO_GROUP) {
		/* Pairs with write_seqcount_begin() and _end(). */
		if (!f->t || likely(!read_seqcount_retry(&f->t->seq, f->seq)))
			return false;
		gomap_key_init(m, &k, key, kind);
	} else {
		gomap_key_init(m, &k, key, kind);
		if (!gomap_has_first(m, kind))
			return gomap_land_on_table(m, f, &k, val, kind);
		if (likely(f->slot) &&
		    likely(gomap_recheck(m, f, &k, val, kind)))
			return true;
	}
	return gomap_search(m, k.data, k.len, GOMAP_VALUE, val);
}

static __always_inline bool gomap_land(const struct gomap *m,
				       const struct gomap_flight *f,
				       const void *key, void *val,
				       enum gomap_kind kind)
{
	bool found = gomap_do_land(m, f, key, val, kind);

	if (unlikely(!found))
		gomap_zero(val, gomap_val_size(m, kind));
	return found;
}

/* Look keys up in a map that is in the cache. */
static __always_inline unsigned long
gomap_do_get_near(const struct gomap *m, const struct gomap_dir *d,
		  const siphash_key_t *seed, const void *keys, void *vals,
		  unsigned int n, enum gomap_kind kind)
{
	const u32 stride = gomap_key_stride(m, kind);
	const u32 size = gomap_val_size(m, kind);
	const void *end = keys + n * stride;
	unsigned long found = 0;

	for (; keys < end; keys += stride, vals += size) {
		int hit = gomap_read(m, d, seed, keys, GOMAP_VALUE, vals, true,
				     kind);
		unsigned long got = gomap_got(m, keys, vals, hit, kind);

		found = found >> 1 | got << (BITS_PER_LONG - 1);
	}
	return found >> (BITS_PER_LONG - n);
}

/* And elsewhere up to GOMAP_FLIGHT: what they need arrives at the same time. */
static __always_inline unsigned long
gomap_do_get_flight(const struct gomap *m, const struct gomap_dir *d,
		    const siphash_key_t *seed, const void *keys, void *vals,
		    unsigned int n, enum gomap_kind kind)
{
	/* Nothing is read of them that no step has set. */
	struct gomap_flight flights[GOMAP_FLIGHT] __uninitialized;
	const u32 stride = gomap_key_stride(m, kind);
	const u32 size = gomap_val_size(m, kind);
	unsigned long found = 0;
	unsigned int i;

	for (i = 0; i < n; i++)
		gomap_depart(m, d, seed, keys + i * stride, &flights[i], kind);
	for (i = 0; i < n; i++)
		gomap_approach(m, &flights[i], kind);
	for (i = 0; i < n; i++) {
		unsigned long hit = gomap_land(m, &flights[i],
					       keys + i * stride,
					       vals + i * size, kind);

		found |= hit << i;
	}
	return found;
}

static __always_inline unsigned long
gomap_do_get_far(const struct gomap *m, const struct gomap_dir *d,
		 const siphash_key_t *seed, const void *keys, void *vals,
		 unsigned int n, enum gomap_kind kind)
{
	const u32 stride = gomap_key_stride(m, kind);
	const u32 size = gomap_val_size(m, kind);
	unsigned long found = 0;
	unsigned int i;

	for (i = 0; i < n; i += GOMAP_FLIGHT)
		found |= gomap_do_get_flight(m, d, seed, keys + i * stride,
					     vals + i * size,
					     min(n - i, GOMAP_FLIGHT),
					     kind) << i;
	return found;
}

/*
 * Directory and seed are loaded once for many keys, and tables well before they
 * are looked at. What is found in a table that has been replaced meanwhile, or
 * been cleared away, or with a seed that has been redrawn, may be older than an
 * answer for an earlier key. All of that is within gomap.changes: if it has come
 * between, the keys are looked up once more. An odd count is rounded down, so a
 * lookup that interrupts such a change does not wait for its end.
 */
static __always_inline unsigned int gomap_changes_begin(const struct gomap *m)
{
	/* Pairs with write_seqcount_begin() and _end(), as the retry does. */
	unsigned int seq = raw_seqcount_begin(&m->changes);

	/* KCSAN shall check what follows. */
	kcsan_atomic_next(0);
	return seq;
}

/* Look keys up one after the other, each in the directory of that moment. */
static noinline unsigned long gomap_get_in_turn(const struct gomap *m,
						const void *keys, void *vals,
						unsigned int n)
{
	unsigned long found = 0, i;

	for (i = 0; i < n; i++) {
		found |= (unsigned long)gomap_get(m, keys, vals) << i;
		keys += gomap_key_stride(m, m->kind);
		vals += m->val_size;
	}
	return found;
}

/*
 * Look 1 to BITS_PER_LONG keys up. Return a bitmap of those that are there.
 */
static __always_inline unsigned long
gomap_do_get_part(const struct gomap *m, const void *keys, void *vals,
		  unsigned int n, enum gomap_kind kind)
{
	const struct gomap_dir *d;
	unsigned long found;
	siphash_key_t seed;
	unsigned int seq;

	rcu_read_lock();
	seq = gomap_changes_begin(m);
	d = rcu_dereference(m->dir);
	seed = gomap_seed(d, kind);
	if (gomap_is_near(m, d, kind))
		found = gomap_do_get_near(m, d, &seed, keys, vals, n, kind);
	else
		found = gomap_do_get_far(m, d, &seed, keys, vals, n, kind);
	if (unlikely(read_seqcount_retry(&m->changes, seq)))
		found = gomap_get_in_turn(m, keys, vals, n);
	rcu_read_unlock();
	return found;
}

GOMAP_DEFINE_KINDS(unsigned long, gomap_do_get_part,
		   (const struct gomap *m, const void *keys, void *vals,
		    unsigned int n), m, keys, vals, n)

static unsigned long gomap_get_part(const struct gomap *m, const void *keys,
				    void *vals, unsigned int n)
{
	return GOMAP_CALL_KIND(m, gomap_do_get_part, m, keys, vals, n);
}

/* Set the first @n bits of a word of a bitmap; those behind are the caller's. */
static void gomap_set_found(unsigned long *word, unsigned long hits,
			    unsigned int n)
{
	*word = (*word & ~GENMASK(n - 1, 0)) | hits;
}

/**
 * gomap_get_many - look many keys up at once
 * @m: the map, or NULL
 * @keys: @n keys, one after the other; with GOMAP_BYTES, @n struct gomap_bytes
 * @vals: room for @n values; zeroed for keys that are not in the map, but left
 *	alone if @m is NULL
 * @found: bitmap of @n bits, set for the keys that are in the map; may be NULL
 * @n: number of keys
 *
 * In a map larger than the caches this takes much less time than the same
 * number of gomap_get(): the cache misses of different keys overlap. Each key
 * is looked up on its own, in the order of @keys: there is no common moment, but
 * no answer is older than that for an earlier key. So a flag that is stored after
 * the data it stands for can be read in front of them by the same call.
 *
 * Context: Any but NMI.
 * Return: how many of the keys are in the map.
 */
unsigned int gomap_get_many(const struct gomap *m, const void *keys,
			    void *vals, unsigned long *found, unsigned int n)
{
	unsigned int from, part, nr = 0;
	unsigned long hits;

	if (!m) {
		if (found)
			bitmap_zero(found, n);
		return 0;
	}
	for (from = 0; from < n; from += part) {
		part = min(n - from, (unsigned int)BITS_PER_LONG);
		hits = gomap_get_part(m, keys, vals, part);
		nr += hweight_long(hits);
		keys += part * gomap_key_stride(m, m->kind);
		vals += part * m->val_size;
		if (found)
			gomap_set_found(&found[BIT_WORD(from)], hits, part);
	}
	return nr;
}
EXPORT_SYMBOL_NS_GPL(gomap_get_many, GOCHAN_NS);
