// SPDX-License-Identifier: GPL-2.0-only
/*
 * Maps: lookups.
 *
 * A lookup finds its table and reads it without a lock; it starts over if the
 * table's sequence count says that a writer was there.
 *
 * Layout, lifetime and locks: map_internal.h. For users: include/linux/gomap.h.
 */

#include <linux/bitmap.h>
#include <linux/export.h>
#include <linux/prefetch.h>

#include "map_internal.h"
#include "map_key.h"

/*
 * The hash of a key of any length: one fold for each 8 bytes, the last of them
 * filled up with zeros, and one for the length, which tells those from others.
 */
u64 gomap_hash_bytes(const void *data, u32 len, u64 seed)
{
	u64 hash = seed;
	u32 done;

	for (done = 0; done < len; done += 8) {
		u64 piece = 0;

		if (len - done >= 8)
			gomap_copy(&piece, data + done, 8);
		else
			memcpy(&piece, data + done, len - done);
		hash = gomap_fold(hash ^ piece, GOMAP_HASH_FACTOR);
	}
	return gomap_fold(hash ^ len, GOMAP_HASH_FACTOR);
}

/*
 * SipHash takes a seed by its address. This one takes it by value, so that it
 * has none on the way of an operation, and stays in registers there.
 */
u64 gomap_siphash(const void *data, u32 len, u64 seed0, u64 seed1)
{
	siphash_key_t seed = { { seed0, seed1 } };

	switch (len) {
	case 4:
		return siphash_1u32(gomap_load_key(data, 4), &seed);
	case 8:
		return siphash_1u64(gomap_load_key(data, 8), &seed);
	default:
		return siphash(data, len, &seed);
	}
}

/*
 * Compare with the caller's equality. It must never see a key of which a writer
 * has changed a part: a reader makes a copy and checks that it is good.
 */
bool gomap_equal(const struct gomap *m, const struct gomap_table *t,
		 const void *slot, const struct gomap_key *k,
		 const unsigned int *seq)
{
	u8 copy[GOMAP_MAX_KEY_SIZE] __aligned(8);
	u32 len = gomap_slot_len(m, slot);

	if (seq) {
		memcpy(copy, slot, len);
		if (read_seqcount_retry(&t->seq, *seq))
			return false;
		slot = copy;
	}
	return m->equal(slot, k->data, len, k->len);
}

/*
 * Reading.
 */

/* What a reader copies: the value, the whole slot, or nothing. */
enum gomap_what {
	GOMAP_NOTHING,
	GOMAP_VALUE,
	GOMAP_SLOT,
};

/*
 * Look for a key in the table of a directory entry, and copy what is asked for.
 *
 * The count makes what is copied the state of the table at one moment. It is
 * even whenever this CPU gets here: a writer changes it with interrupts off,
 * so a reader that interrupted one waits for other CPUs only.
 *
 * The table may have been replaced since the entry was read, and its successor
 * have changed: the stale table still has what it had then. That is the state
 * of the map at a moment after the reader began, since it found the table in
 * the directory, and a reader that begins later finds the successor.
 */
static __always_inline bool gomap_read_table(const struct gomap *m,
					     unsigned long word,
					     const struct gomap_key *k,
					     enum gomap_what what, void *dst,
					     enum gomap_kind kind)
{
	const struct gomap_table *t = gomap_word_table(word);
	u32 mask = gomap_word_mask(word);
	struct gomap_block *block = NULL;
	unsigned int seq;
	void *slot;
	int nr;

	do {
		/* Pairs with write_seqcount_begin() and _end(). */
		seq = read_seqcount_begin(&t->seq);
		nr = gomap_find(m, t, mask, k, &seq, kind);
		if (nr < 0 || what == GOMAP_NOTHING)
			continue;
		slot = gomap_slot(m, t, nr, kind);
		if (what == GOMAP_SLOT)
			gomap_copy(dst, slot, gomap_slot_size(m, kind));
		else if (gomap_outline(m, kind))
			block = READ_ONCE(*gomap_slot_block(m, slot, kind));
		else
			gomap_copy(dst, slot + gomap_val_off(m, kind),
				   gomap_val_size(m, kind));
	} while (read_seqcount_retry(&t->seq, seq));

	/* A block does not change, and RCU keeps it. */
	if (nr >= 0 && block)
		memcpy(dst, block->data, gomap_val_size(m, kind));
	return nr >= 0;
}

/*
 * Hash a key, find the word of the directory's entry for it, 0 if the map is
 * empty, and have the slots fetched.
 *
 * Directory and seed belong together, unless __gomap_draw_seed() redraws the
 * seed in place. Then the map was empty at a moment after this reader began,
 * and that is what it reports if the seed misleads it.
 */
static __always_inline unsigned long gomap_find_word(const struct gomap *m,
						     struct gomap_key *k,
						     enum gomap_kind kind)
{
	const struct gomap_dir *d = rcu_dereference(m->dir);
	siphash_key_t seed = gomap_seed(d);
	const struct gomap_entry *entry;
	unsigned long word;

	k->hash = gomap_hash(m, k, &seed, kind);
	entry = gomap_dir_entry(d, k->hash);
	word = gomap_word(entry);
	gomap_fetch_slots(m, entry, word, k->hash, kind);
	return word;
}

static __always_inline bool gomap_read(const struct gomap *m,
				       struct gomap_key *k,
				       enum gomap_what what, void *dst,
				       enum gomap_kind kind)
{
	unsigned long word;
	bool found = false;

	if (unlikely(!gomap_reflexive(m, k, kind)))
		return false;
	rcu_read_lock();
	word = gomap_find_word(m, k, kind);
	if (likely(word))
		found = gomap_read_table(m, word, k, what, dst, kind);
	rcu_read_unlock();
	return found;
}

static __always_inline bool gomap_do_get(const struct gomap *m,
					 const void *key, void *val,
					 enum gomap_kind kind)
{
	struct gomap_key k;

	if (likely(!gomap_key_init(m, &k, key, kind) &&
		   gomap_read(m, &k, GOMAP_VALUE, val, kind)))
		return true;
	gomap_zero(val, gomap_val_size(m, kind));
	return false;
}

/**
 * gomap_get - look a key up
 * @m: the map, or NULL
 * @key: the key
 * @val: room for the value; zeroed if the key is not in the map, but left alone
 *	if @m is NULL
 *
 * Context: Any but NMI.
 * Return: true if the key is in the map; false also if it is longer than the
 * map's keys may be.
 */
bool gomap_get(const struct gomap *m, const void *key, void *val)
{
	return m && GOMAP_SPECIALISE(m, do_get, m, key, val);
}
EXPORT_SYMBOL_NS_GPL(gomap_get, GOCHAN_NS);

static __always_inline bool gomap_do_contains(const struct gomap *m,
					      const void *key,
					      enum gomap_kind kind)
{
	struct gomap_key k;

	return !gomap_key_init(m, &k, key, kind) &&
	       gomap_read(m, &k, GOMAP_NOTHING, NULL, kind);
}

/**
 * gomap_contains - is a key in the map?
 * @m: the map, or NULL
 * @key: the key
 *
 * Context: Any but NMI.
 * Return: as gomap_get().
 */
bool gomap_contains(const struct gomap *m, const void *key)
{
	return m && GOMAP_SPECIALISE(m, do_contains, m, key);
}
EXPORT_SYMBOL_NS_GPL(gomap_contains, GOCHAN_NS);

/* Copy the slot of a key, for an iterator. The caller is in an RCU section. */
bool gomap_get_slot(const struct gomap *m, struct gomap_key *k, void *slot)
{
	return gomap_read(m, k, GOMAP_SLOT, slot, m->kind);
}

/*
 * Lookups of gomap_get_many() under way at once. A processor follows some ten
 * to sixteen cache misses at a time; more would only wait in line.
 */
#define GOMAP_FLIGHT	16

struct gomap_flight {
	struct gomap_key k;
	unsigned long word;
};

/* Hash, and have header and control word fetched. */
static __always_inline void gomap_depart(const struct gomap *m,
					 struct gomap_flight *f,
					 const void *key, enum gomap_kind kind)
{
	f->word = 0;
	if (gomap_key_init(m, &f->k, key, kind) ||
	    !gomap_reflexive(m, &f->k, kind))
		return;
	f->word = gomap_find_word(m, &f->k, kind);
	if (!f->word)
		return;
	prefetch(gomap_word_table(f->word));
	gomap_fetch_ctrl(f->word, f->k.hash);
}

/* Have the slot fetched that is most likely the right one. */
static __always_inline void gomap_approach(const struct gomap *m,
					   const struct gomap_flight *f,
					   enum gomap_kind kind)
{
	const struct gomap_table *t = gomap_word_table(f->word);
	u32 group;
	u64 match;

	/* The slots of the other kinds are on their way already. */
	if (!t || gomap_fetches_slots(m, kind))
		return;
	group = gomap_probe_start(f->k.hash, gomap_word_mask(f->word)).group;
	match = gomap_match_h2(READ_ONCE(t->ctrl[group]), gomap_h2(f->k.hash));
	if (match)
		prefetch(gomap_slot(m, t, group * GOMAP_GROUP +
				    gomap_first(match), kind));
}

static __always_inline bool gomap_land(const struct gomap *m,
				       const struct gomap_flight *f, void *val,
				       enum gomap_kind kind)
{
	if (f->word &&
	    gomap_read_table(m, f->word, &f->k, GOMAP_VALUE, val, kind))
		return true;
	gomap_zero(val, gomap_val_size(m, kind));
	return false;
}

static __always_inline unsigned int
gomap_do_get_many(const struct gomap *m, const void *keys, u32 stride,
		  void *vals, unsigned long *found, unsigned int from,
		  unsigned int n, enum gomap_kind kind)
{
	struct gomap_flight flights[GOMAP_FLIGHT];
	unsigned int i, nr = 0;

	rcu_read_lock();
	for (i = 0; i < n; i++)
		gomap_depart(m, &flights[i],
			     keys + (size_t)(from + i) * stride, kind);
	for (i = 0; i < n; i++)
		gomap_approach(m, &flights[i], kind);
	for (i = 0; i < n; i++) {
		bool hit = gomap_land(m, &flights[i], vals + (size_t)(from + i) *
				      gomap_val_size(m, kind), kind);

		nr += hit;
		if (found)
			__assign_bit(from + i, found, hit);
	}
	rcu_read_unlock();
	return nr;
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
 * is looked up on its own, there is no common moment.
 *
 * Context: Any but NMI.
 * Return: how many of the keys are in the map.
 */
unsigned int gomap_get_many(const struct gomap *m, const void *keys,
			    void *vals, unsigned long *found, unsigned int n)
{
	unsigned int from, nr = 0;
	u32 stride;

	if (!m) {
		if (found)
			bitmap_zero(found, n);
		return 0;
	}
	stride = m->flags & GOMAP_BYTES ? sizeof(struct gomap_bytes) :
					  m->key_size;
	for (from = 0; from < n; from += GOMAP_FLIGHT)
		nr += GOMAP_SPECIALISE(m, do_get_many, m, keys, stride,
				       vals, found, from,
				       min_t(unsigned int, n - from,
					     GOMAP_FLIGHT));
	return nr;
}
EXPORT_SYMBOL_NS_GPL(gomap_get_many, GOCHAN_NS);
