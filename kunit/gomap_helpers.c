// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - maps, keys, values and failures for the gomap suites
 *
 * Lifetime: maps are resources of KUnit, which releases them after gct_exit()
 * has joined the threads of the test.
 */

#include <linux/err.h>
#include <linux/hash.h>
#include <linux/prandom.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <kunit/resource.h>

#include "gomap_kunit.h"

/* Turns of gmt_breathe() between two pauses if there is one CPU. */
#define GMT_TURNS	32

static void gmt_map_release(struct kunit_resource *res)
{
	struct gomap *m = res->data;

	gomap_destroy(m);
	kfree(m);
}

static int gmt_map_keep(struct kunit_resource *res, void *m)
{
	res->data = m;
	return 0;
}

struct gomap *gmt_map(struct kunit *test, const struct gomap_params *p,
		      u32 max_slots, size_t hint)
{
	struct gomap *m = kmalloc(sizeof(*m), GFP_KERNEL);
	int err;

	KUNIT_ASSERT_NOT_NULL(test, m);
	err = gomap_init_small(m, p, max_slots, hint, GFP_KERNEL);
	if (err)
		kfree(m);
	KUNIT_ASSERT_EQ(test, 0, err);
	KUNIT_ASSERT_NOT_NULL(test, kunit_alloc_resource(test, gmt_map_keep,
							 gmt_map_release,
							 GFP_KERNEL, m));
	return m;
}

struct gomap *gmt_map_u64(struct kunit *test, u32 max_slots)
{
	static const struct gomap_params p = {
		.key_size = sizeof(u64),
		.val_size = sizeof(u64),
	};

	return gmt_map(test, &p, max_slots, 0);
}

/* For a key that the map will give: an output. */
void gmt_key_init(const struct gomap_params *p, struct gmt_key *k)
{
	k->bytes.data = k->data;
	k->bytes.len = GMT_NO_ID;
	k->arg = p->flags & GOMAP_BYTES ? (void *)&k->bytes : k->data;
}

static u8 gmt_key_byte(u32 id, u32 i)
{
	return id * 7 + i * 13;
}

static u32 gmt_key_len(const struct gomap_params *p, u32 id)
{
	u32 spare = p->key_size - sizeof(id);

	return p->flags & GOMAP_BYTES ? sizeof(id) + id % (spare + 1) :
					p->key_size;
}

void gmt_key_of(const struct gomap_params *p, struct gmt_key *k, u32 id)
{
	u32 i, len = gmt_key_len(p, id);

	gmt_key_init(p, k);
	k->bytes.len = len;
	memcpy(k->data, &id, sizeof(id));
	for (i = sizeof(id); i < len; i++)
		k->data[i] = gmt_key_byte(id, i);
}

/* The id of a key, or GMT_NO_ID if none has such a key. */
u32 gmt_id_of(const struct gomap_params *p, const void *data, u32 len)
{
	const u8 *byte = data;
	u32 i, id;

	memcpy(&id, data, sizeof(id));
	if (len != gmt_key_len(p, id))
		return GMT_NO_ID;
	for (i = sizeof(id); i < len; i++)
		if (byte[i] != gmt_key_byte(id, i))
			return GMT_NO_ID;
	return id;
}

static u64 gmt_mix(u32 id, u32 version)
{
	return (((u64)version << 32 | id) + 1) * GOLDEN_RATIO_64;
}

/* The first 8 bytes have the version and a sum of it; so have all others. */
void gmt_val_of(u32 size, void *val, u32 id, u32 version)
{
	u64 mix = gmt_mix(id, version);
	u64 word = (u64)version << 32 | mix >> 32;

	for (; size >= sizeof(word); size -= sizeof(word)) {
		memcpy(val, &word, sizeof(word));
		val += sizeof(word);
		word += mix;
	}
	word ^= word >> 32;
	memcpy(val, &word, size);
}

/* Is this the value of some version, and nothing but it? */
bool gmt_val_whole(u32 size, const void *val, u32 id, u32 *version)
{
	u64 word, mix;

	memcpy(&word, val, sizeof(word));
	*version = word >> 32;
	mix = gmt_mix(id, *version);
	if ((u32)word != mix >> 32)
		return false;
	while (size >= 2 * sizeof(word)) {
		u64 next;

		size -= sizeof(word);
		val += sizeof(word);
		memcpy(&next, val, sizeof(next));
		if (next != word + mix)
			return false;
		word = next;
	}
	return true;
}

const char *gmt_wrong(struct gomap *m)
{
	flush_delayed_work(&m->shrink_work);
	flush_work(&m->grow_work);
	return gomap_check(m);
}

u32 gmt_below(struct rnd_state *rnd, u32 limit)
{
	return (u64)prandom_u32_state(rnd) * limit >> 32;
}

/*
 * With one CPU, and a kernel without preemption, the others run when this one
 * sleeps and not before. An interrupt has to go on.
 */
void gmt_breathe(unsigned int *turns)
{
	if (!in_task())
		return;
	if (num_online_cpus() == 1 && ++*turns % GMT_TURNS == 0)
		gct_pause();
	else
		cond_resched();
}

u64 gmt_hash_is_key(const void *key, u32 len, u64 seed)
{
	u64 hash;

	memcpy(&hash, key, sizeof(hash));
	return hash;
}

u64 gmt_hash_good(const void *key, u32 len, u64 seed)
{
	const siphash_key_t sip = { { seed, ~seed } };

	return siphash(key, len, &sip);
}

/* Good top bits, 4 different H2, 4 different groups. */
u64 gmt_hash_weak(const void *key, u32 len, u64 seed)
{
	u64 hash = gmt_hash_good(key, len, seed);

	return (hash & ~0xffffffffULL) | (hash & (3 << 7)) | (hash & 3);
}

u64 gmt_hash_same(const void *key, u32 len, u64 seed)
{
	return seed;
}

bool gmt_equal(const void *a, const void *b, u32 a_len, u32 b_len)
{
	return a_len == b_len && !memcmp(a, b, a_len);
}

#ifdef CONFIG_FAILSLAB

/* As /proc/self/fail-nth does it. */
bool gmt_can_fail(void)
{
	return true;
}

void gmt_fail_begin(unsigned int nth)
{
	WRITE_ONCE(current->fail_nth, nth);
}

bool gmt_fail_end(void)
{
	return !xchg(&current->fail_nth, 0);
}

#else

bool gmt_can_fail(void)
{
	return false;
}

void gmt_fail_begin(unsigned int nth)
{
}

bool gmt_fail_end(void)
{
	return false;
}

#endif /* CONFIG_FAILSLAB */

void gmt_fill(struct kunit *test, struct gomap *m, u64 from, u64 to)
{
	for (; from < to; from++)
		KUNIT_ASSERT_EQ(test, 0, gmt_put(m, from, from, GOMAP_NEW));
}

u64 gmt_missing(const struct gomap *m, u64 from, u64 to)
{
	u64 missing = 0;

	for (; from < to; from++)
		missing += !gmt_has(m, from, from);
	return missing;
}
