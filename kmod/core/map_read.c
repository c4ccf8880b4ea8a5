// SPDX-License-Identifier: GPL-2.0-only
/*
 * Maps: lookups.
 *
 * Layout, lifetime and locks: map_internal.h. For users: include/linux/gomap.h.
 */

#include <linux/export.h>

#include "map_read.h"

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

/* The whole search for a key given by its bytes, in an RCU section. */
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
bool gomap_search(const struct gomap *m, const void *data, u32 len,
		  enum gomap_what what, void *dst)
{
	return GOMAP_CALL_KIND(m, gomap_do_search, m, data, len, what, dst);
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
noinline bool gomap_read_slowly(const struct gomap *m, const void *key,
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
