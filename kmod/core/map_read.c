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
#include <linux/kcsan-checks.h>
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

/* What the first group of a search says of a key. */
enum gomap_hint {
	GOMAP_HERE,	/* a slot most likely has it */
	GOMAP_ABSENT,	/* it is not in the table */
	GOMAP_FURTHER,	/* it may be in other groups */
};

/*
 * Nearly always that is the answer for a key of a known size. What it takes to
 * go on would cost registers that this does not need. @slot: out, if it is here.
 */
static __always_inline enum gomap_hint
gomap_look(const struct gomap *m, const struct gomap_table *t,
	   unsigned long group, u64 hash, void **slot, enum gomap_kind kind)
{
	u64 ctrl = READ_ONCE(t->ctrl[group]);
	u64 match = gomap_match_h2(ctrl, gomap_h2(hash));

	if (match) {
		*slot = gomap_group(m, t, group, kind) +
			gomap_first_offset(match, gomap_slot_size(m, kind));
		return GOMAP_HERE;
	}
	return gomap_ends(t, group, ctrl, hash) ? GOMAP_ABSENT : GOMAP_FURTHER;
}

/* Read that slot. Return whether it has the key. */
static __always_inline bool gomap_read_slot(const struct gomap *m,
					    const struct gomap_table *t,
					    const void *slot,
					    const struct gomap_key *k,
					    enum gomap_what what, void *dst,
					    enum gomap_kind kind)
{
	if (unlikely(!gomap_slot_has(m, t, slot, k, NULL, kind)))
		return false;
	if (what == GOMAP_VALUE)
		gomap_copy(dst, slot + gomap_val_off(m, kind),
			   gomap_val_size(m, kind));
	return true;
}

/*
 * Look at the first group of a table only. Return 1 if the key is there, 0 if it
 * is not in the table, or -1 to go on.
 */
static __always_inline int gomap_read_first(const struct gomap *m,
					    const struct gomap_table *t,
					    unsigned long group,
					    const struct gomap_key *k,
					    enum gomap_what what, void *dst,
					    enum gomap_kind kind)
{
	/* As in gomap_read_table(); while a writer is there, all is in vain. */
	unsigned int seq = raw_seqcount_begin(&t->seq);
	enum gomap_hint hint;
	void *slot;

	hint = gomap_look(m, t, group, k->hash, &slot, kind);
	if (unlikely(hint == GOMAP_FURTHER))
		return -1;
	if (hint == GOMAP_HERE &&
	    unlikely(!gomap_read_slot(m, t, slot, k, what, dst, kind)))
		return -1;
	return unlikely(read_seqcount_retry(&t->seq, seq)) ? -1 :
		hint == GOMAP_HERE;
}

/* Does a group have an answer for most keys of this kind? */
static __always_inline bool gomap_has_first(const struct gomap *m,
					    enum gomap_kind kind)
{
	return kind != GOMAP_KANY && !gomap_outline(m, kind);
}

/*
 * Find the word of the directory's entry for a key, 0 if the map is empty, and
 * the first group of the search, and have its slots fetched unless they are near.
 *
 * Directory and seed belong together, unless __gomap_draw_seed() redraws the
 * seed in place. Then the map was empty at a moment after this reader began,
 * and that is what it reports if the seed misleads it.
 */
static __always_inline unsigned long gomap_find_word(const struct gomap *m,
						     const struct gomap_dir *d,
						     const siphash_key_t *seed,
						     struct gomap_key *k,
						     unsigned long *group,
						     bool near,
						     enum gomap_kind kind)
{
	const struct gomap_entry *entry;
	unsigned long word;

	k->hash = gomap_hash(m, k, seed, kind);
	entry = gomap_dir_entry(d, k->hash);
	word = gomap_word(entry);
	*group = gomap_word_group(word, k->hash);
	if (!near)
		gomap_fetch_slots(m, entry, *group, kind);
	return word;
}

/* The whole search for a key, in an RCU section. */
static __always_inline bool gomap_search_dir(const struct gomap *m,
					     const struct gomap_dir *d,
					     const siphash_key_t *seed,
					     struct gomap_key *k,
					     enum gomap_what what, void *dst,
					     bool near, enum gomap_kind kind)
{
	unsigned long word, group;

	if (unlikely(!gomap_reflexive(m, k, kind)))
		return false;
	word = gomap_find_word(m, d, seed, k, &group, near, kind);
	return word && gomap_read_table(m, word, k, what, dst, kind);
}

/* The same for a key given by its bytes. */
static __always_inline bool gomap_do_search(const struct gomap *m,
					    const void *data, u32 len,
					    enum gomap_what what, void *dst,
					    enum gomap_kind kind)
{
	const struct gomap_dir *d = rcu_dereference(m->dir);
	struct gomap_key k = { .data = data, .len = len };
	siphash_key_t seed = gomap_seed(d, kind);

	return gomap_search_dir(m, d, &seed, &k, what, dst,
				gomap_is_near(m, d, kind), kind);
}

GOMAP_DEFINE_KINDS(bool, gomap_do_search,
		   (const struct gomap *m, const void *data, u32 len,
		    enum gomap_what what, void *dst),
		   m, data, len, what, dst)

/* Not by the address of a key: who has it in registers keeps it there. */
static bool gomap_search(const struct gomap *m, const void *data, u32 len,
			 enum gomap_what what, void *dst)
{
	return GOMAP_CALL_KIND(m, gomap_do_search, m, data, len, what, dst);
}

/*
 * The same, with a look at the first group only, where that makes sense. Return
 * 1 if the key is there, 0 if not, or -1 if it takes the whole search.
 */
static __always_inline int gomap_read(const struct gomap *m,
				      const struct gomap_dir *d,
				      const siphash_key_t *seed,
				      const void *key, enum gomap_what what,
				      void *dst, bool near,
				      enum gomap_kind kind)
{
	struct gomap_key k = { };
	unsigned long word, group;

	if (gomap_key_init(m, &k, key, kind))
		return 0;
	if (!gomap_has_first(m, kind))
		return gomap_search_dir(m, d, seed, &k, what, dst, near, kind);
	word = gomap_find_word(m, d, seed, &k, &group, near, kind);
	if (unlikely(!word))
		return 0;
	return gomap_read_first(m, gomap_word_table(word), group, &k, what, dst,
				kind);
}

static __always_inline int gomap_read_one(const struct gomap *m,
					  const void *key, enum gomap_what what,
					  void *dst, enum gomap_kind kind)
{
	const struct gomap_dir *d;
	siphash_key_t seed;
	int found;

	rcu_read_lock();
	d = rcu_dereference(m->dir);
	seed = gomap_seed(d, kind);
	found = gomap_read(m, d, &seed, key, what, dst,
			   gomap_is_near(m, d, kind), kind);
	rcu_read_unlock();
	return found;
}

/*
 * Not in line: what this needs would cost the others a stack frame. For kinds of
 * which gomap_read() may return -1, so a key is @key_size bytes.
 */
static noinline bool gomap_read_slowly(const struct gomap *m, const void *key,
				       enum gomap_what what, void *dst)
{
	bool found;

	rcu_read_lock();
	found = gomap_search(m, key, m->key_size, what, dst);
	rcu_read_unlock();
	if (!found && what == GOMAP_VALUE)
		memset(dst, 0, m->val_size);
	return found;
}

/* What is left to do for a value after gomap_read() has returned @found. */
static __always_inline bool gomap_got(const struct gomap *m, const void *key,
				      void *val, int found,
				      enum gomap_kind kind)
{
	if (unlikely(found < 0))
		return gomap_read_slowly(m, key, GOMAP_VALUE, val);
	if (!found)
		gomap_zero(val, gomap_val_size(m, kind));
	return found;
}

static __always_inline bool gomap_do_get(const struct gomap *m,
					 const void *key, void *val,
					 enum gomap_kind kind)
{
	return gomap_got(m, key, val,
			 gomap_read_one(m, key, GOMAP_VALUE, val, kind), kind);
}

GOMAP_DEFINE_KINDS(bool, gomap_do_get,
		   (const struct gomap *m, const void *key, void *val),
		   m, key, val)

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
	return m && GOMAP_CALL_KIND(m, gomap_do_get, m, key, val);
}
EXPORT_SYMBOL_NS_GPL(gomap_get, GOCHAN_NS);

static __always_inline bool gomap_do_contains(const struct gomap *m,
					      const void *key,
					      enum gomap_kind kind)
{
	int found = gomap_read_one(m, key, GOMAP_NOTHING, NULL, kind);

	if (unlikely(found < 0))
		return gomap_read_slowly(m, key, GOMAP_NOTHING, NULL);
	return found;
}

GOMAP_DEFINE_KINDS(bool, gomap_do_contains,
		   (const struct gomap *m, const void *key), m, key)

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
	return m && GOMAP_CALL_KIND(m, gomap_do_contains, m, key);
}
EXPORT_SYMBOL_NS_GPL(gomap_contains, GOCHAN_NS);

/* Copy the slot of a key, for an iterator. The caller is in an RCU section. */
bool gomap_get_slot(const struct gomap *m, const struct gomap_key *k,
		    void *slot)
{
	return gomap_search(m, k->data, k->len, GOMAP_SLOT, slot);
}

/*
 * Lookups of gomap_get_many() under way at once. A processor follows some ten
 * to sixteen cache misses at a time; more would only wait in line.
 *
 * All are in one RCU section, so tables and slots stay. What a lookup reads of a
 * table lies between taking the sequence count in the second step and comparing
 * it with what it is then: at once, if the control word says that the key is not
 * there, and else in the third step, behind the slot. If nothing has changed it
 * that is the table's state at one moment of the call; a stale table has that of
 * the moment when it was replaced, as in gomap_read_table(). Otherwise the key is
 * searched for from the beginning.
 */
#define GOMAP_FLIGHT	16U

/**
 * struct gomap_flight - a lookup on its way
 * @t: the table; NULL: there is no such key
 * @hash: the key's
 * @slot: with gomap_has_first(), after the second step: the one to look at; NULL:
 *	to be searched for
 * @group: first group of the search
 * @seq: with gomap_has_first(), after the second step: the table's sequence count
 */
struct gomap_flight {
	const struct gomap_table *t;
	union {
		u64 hash;
		const void *slot;
	};
	union {
		unsigned long group;
		unsigned int seq;
	};
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
	if (hint == GOMAP_HERE)
		prefetch(slot);
	else if (likely(hint == GOMAP_ABSENT) &&
		 likely(!read_seqcount_retry(&t->seq, seq)))
		f->t = NULL;
	/* What raw_seqcount_begin() told KCSAN; the rest is in gomap_recheck(). */
	kcsan_atomic_next(0);
	if (gomap_has_first(m, kind)) {
		f->slot = slot;
		f->seq = seq;
	}
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

	if (!f->t || gomap_key_init(m, &k, key, kind))
		return false;
	if (!gomap_has_first(m, kind))
		return gomap_land_on_table(m, f, &k, val, kind);
	if (likely(f->slot) && likely(gomap_recheck(m, f, &k, val, kind)))
		return true;
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

/* Look keys up in a map that is in the cache, the last one first. */
static __always_inline unsigned long
gomap_do_get_near(const struct gomap *m, const struct gomap_dir *d,
		  const siphash_key_t *seed, const void *keys, void *vals,
		  unsigned int n, enum gomap_kind kind)
{
	const u32 stride = gomap_key_stride(m, kind);
	const u32 size = gomap_val_size(m, kind);
	unsigned long found = 0;

	while (n--) {
		const void *key = keys + n * stride;
		void *val = vals + n * size;
		int hit;

		hit = gomap_read(m, d, seed, key, GOMAP_VALUE, val, true, kind);
		found = found << 1 | gomap_got(m, key, val, hit, kind);
	}
	return found;
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

/* Look up to BITS_PER_LONG keys up. Return a bitmap of those that are there. */
static __always_inline unsigned long
gomap_do_get_part(const struct gomap *m, const void *keys, void *vals,
		  unsigned int n, enum gomap_kind kind)
{
	const struct gomap_dir *d;
	unsigned long found;
	siphash_key_t seed;

	rcu_read_lock();
	d = rcu_dereference(m->dir);
	seed = gomap_seed(d, kind);
	if (gomap_is_near(m, d, kind))
		found = gomap_do_get_near(m, d, &seed, keys, vals, n, kind);
	else
		found = gomap_do_get_far(m, d, &seed, keys, vals, n, kind);
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
 * is looked up on its own, there is no common moment.
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
