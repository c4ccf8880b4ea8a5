// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - kinds of keys and values
 *
 * Sizes, lengths, hashes and equality of the caller's own; keys that are equal
 * to others, or not to themselves, as floating point numbers are.
 */

#include <linux/limits.h>
#include <linux/siphash.h>
#include <linux/slab.h>

#include "gomap_kunit.h"
#include "../kmod/core/map_key.h"

/*
 * Kinds of keys and values: the same script for each.
 */

struct kind_param {
	const char *name;
	struct gomap_params p;
};

static const struct kind_param kinds[] = {
	{ "key 4, value 8", { .key_size = 4, .val_size = 8 } },
	{ "key 8, value 1", { .key_size = 8, .val_size = 1 } },
	{ "key 5, value 3", { .key_size = 5, .val_size = 3 } },
	{ "key 16, value 0", { .key_size = 16 } },
	{ "key 128, value 128", { .key_size = 128, .val_size = 128 } },
	{ "key 8, value 129", { .key_size = 8, .val_size = 129 } },
	{ "key 8, value 65536", { .key_size = 8, .val_size = 65536 } },
	{ "SipHash, key 4", { .key_size = 4, .val_size = 8,
	  .flags = GOMAP_SIPHASH } },
	{ "SipHash, key 8", { .key_size = 8, .val_size = 8,
	  .flags = GOMAP_SIPHASH } },
	{ "SipHash, key 13", { .key_size = 13, .val_size = 8,
	  .flags = GOMAP_SIPHASH } },
	{ "bytes", { .key_size = 40, .val_size = 8, .flags = GOMAP_BYTES } },
	{ "bytes, longest", { .key_size = 128, .val_size = 8,
	  .flags = GOMAP_BYTES | GOMAP_SIPHASH } },
	{ "weak hash", { .key_size = 8, .val_size = 8,
	  .hash = gmt_hash_weak } },
	{ "own equality", { .key_size = 12, .val_size = 8,
	  .hash = gmt_hash_weak, .equal = gmt_equal } },
};

static void kind_desc(const struct kind_param *param, char *desc)
{
	strscpy(desc, param->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(kind, kinds, kind_desc);

/* Keys at odd addresses: the caller's need not be aligned. */
static void *askew(struct gmt_key *k, u8 *room, const struct gomap_params *p)
{
	if (p->flags & GOMAP_BYTES)
		return k->arg;
	return memcpy(room + 1, k->data, p->key_size);
}

static void all_kinds_store_and_find(struct kunit *test)
{
	const struct gomap_params *p =
		&((const struct kind_param *)test->param_value)->p;
	struct gomap *m = gmt_map(test, p, 64, 0);
	u32 id, ids = p->val_size > 4096 ? 100 : 400, size = p->val_size;
	u8 room[GOMAP_MAX_KEY_SIZE + 1];
	u8 *val = kunit_kzalloc(test, size + 1, GFP_KERNEL);
	u8 *want = kunit_kzalloc(test, size + 1, GFP_KERNEL);
	struct gmt_key k;

	KUNIT_ASSERT_NOT_NULL(test, val);
	KUNIT_ASSERT_NOT_NULL(test, want);
	val[size] = GCT_POISON;
	for (id = 0; id < ids; id++) {
		gmt_key_of(p, &k, id);
		gmt_val_of(size, want, id, 1);
		KUNIT_ASSERT_EQ(test, 0, gomap_put(m, askew(&k, room, p), want,
						   GOMAP_NEW, GFP_KERNEL));
	}
	for (id = 0; id < ids; id += 2) {
		gmt_key_of(p, &k, id);
		gmt_val_of(size, want, id, 1);
		gmt_val_of(size, val, id, 2);
		KUNIT_ASSERT_EQ(test, 0, gomap_cas(m, askew(&k, room, p), want,
						   val, GFP_KERNEL));
	}
	for (id = 0; id < ids; id++) {
		gmt_key_of(p, &k, id);
		gmt_val_of(size, want, id, id % 2 ? 1 : 2);
		memset(val, 0xa5, size);
		KUNIT_ASSERT_TRUE(test, gomap_get(m, askew(&k, room, p), val));
		KUNIT_ASSERT_EQ(test, 0, memcmp(val, want, size));
		KUNIT_ASSERT_EQ(test, val[size], GCT_POISON);
	}
	for (id = 0; id < ids; id += 3) {
		gmt_key_of(p, &k, id);
		gmt_val_of(size, want, id, id % 2 ? 1 : 2);
		KUNIT_ASSERT_EQ(test, 0, gomap_take(m, askew(&k, room, p),
						    val));
		KUNIT_ASSERT_EQ(test, 0, memcmp(val, want, size));
		KUNIT_ASSERT_FALSE(test, gomap_get(m, k.arg, val));
		KUNIT_ASSERT_TRUE(test, gct_all(val, 0, size));
	}
	KUNIT_EXPECT_EQ(test, gomap_len(m),
			(size_t)ids - DIV_ROUND_UP(ids, 3));
	GMT_CHECK(test, m);
}

static void bytes_keys_have_lengths(struct kunit *test)
{
	static const struct gomap_params p = {
		.key_size = 4,
		.val_size = 8,
		.flags = GOMAP_BYTES,
	};
	struct gomap *m = gmt_map(test, &p, GMT_REAL, 0);
	u8 zeros[8] = { };
	struct gomap_bytes key = { .data = zeros };
	u64 val, n, vals[1];

	/* No byte, and one to four zero bytes, are different keys. */
	for (n = 0; n <= 4; n++) {
		key.len = n;
		KUNIT_EXPECT_EQ(test, 0, gomap_put(m, &key, &n, GOMAP_NEW,
						   GFP_KERNEL));
	}
	for (n = 0; n <= 4; n++) {
		key.len = n;
		KUNIT_EXPECT_TRUE(test, gomap_get(m, &key, &val));
		KUNIT_EXPECT_EQ(test, val, n);
	}
	/* What is too long cannot be there. */
	key.len = 5;
	KUNIT_EXPECT_EQ(test, -EINVAL, gomap_put(m, &key, &n, GOMAP_ANY,
						 GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, -EINVAL, gomap_add(m, &key, 1, GOMAP_ANY, NULL,
						 GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, -EINVAL, gomap_cas(m, &key, &val, &n,
						 GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, -EINVAL, gomap_delete(m, &key));
	KUNIT_EXPECT_EQ(test, -EINVAL, gomap_take(m, &key, &val));
	KUNIT_EXPECT_FALSE(test, gomap_get(m, &key, &val));
	KUNIT_EXPECT_EQ(test, val, 0ULL);
	KUNIT_EXPECT_FALSE(test, gomap_contains(m, &key));
	KUNIT_EXPECT_EQ(test, gomap_get_many(m, &key, vals, NULL, 1), 0U);
	key.len = U32_MAX;
	KUNIT_EXPECT_EQ(test, -EINVAL, gomap_delete(m, &key));
	KUNIT_EXPECT_EQ(test, gomap_len(m), (size_t)5);
	GMT_CHECK(test, m);
}

/*
 * Keys like floating point numbers, which the kernel must not compute with:
 * the bits of a double.
 */

#define PLUS_ZERO	0ULL
#define MINUS_ZERO	BIT_ULL(63)
#define ONE		0x3ff0000000000000ULL
#define NAN		0x7ff8000000000000ULL

static u64 float_hash(const void *key, u32 len, u64 seed)
{
	u64 bits;

	memcpy(&bits, key, sizeof(bits));
	bits = bits == MINUS_ZERO ? PLUS_ZERO : bits;
	return gmt_hash_good(&bits, sizeof(bits), seed);
}

static bool float_equal(const void *a, const void *b, u32 a_len, u32 b_len)
{
	u64 x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	if (x == NAN || y == NAN)
		return false;
	return x == y || !((x | y) & ~MINUS_ZERO);
}

static struct gomap *floats(struct kunit *test, u32 flags, u32 max_slots)
{
	const struct gomap_params p = {
		.key_size = sizeof(u64),
		.val_size = sizeof(u64),
		.flags = flags,
		.hash = float_hash,
		.equal = float_equal,
	};

	return gmt_map(test, &p, max_slots, 0);
}

/* The only key of a map, in its current form. */
static u64 only_key(const struct gomap *m)
{
	u64 key = GCT_POISON_U64;
	struct gomap_iter it;

	gomap_iter_init(&it, m);
	gomap_iter_next(&it, &key, NULL);
	gomap_iter_end(&it);
	return key;
}

static void overwrite_updates_the_key(struct kunit *test)
{
	u32 flags;

	for (flags = 0; flags <= GOMAP_UPDATE_KEY; flags += GOMAP_UPDATE_KEY) {
		struct gomap *m = floats(test, flags | GOMAP_IRREFLEXIVE,
					 GMT_REAL);
		u64 key = MINUS_ZERO, want = flags ? MINUS_ZERO : PLUS_ZERO;

		KUNIT_EXPECT_EQ(test, 0, gmt_put(m, PLUS_ZERO, 1, GOMAP_ANY));
		KUNIT_EXPECT_TRUE(test, gmt_has(m, MINUS_ZERO, 1));
		/* Not by a lookup, and not by what fails. */
		KUNIT_EXPECT_EQ(test, -EEXIST, gmt_put(m, MINUS_ZERO, 2,
						       GOMAP_NEW));
		KUNIT_EXPECT_EQ(test, only_key(m), PLUS_ZERO);
		KUNIT_EXPECT_EQ(test, 0, gmt_put(m, MINUS_ZERO, 2, GOMAP_ANY));
		KUNIT_EXPECT_EQ(test, gomap_len(m), (size_t)1);
		KUNIT_EXPECT_EQ(test, only_key(m), want);
		KUNIT_EXPECT_TRUE(test, gmt_has(m, PLUS_ZERO, 2));
		KUNIT_EXPECT_EQ(test, 0, gomap_delete(m, &key));
		KUNIT_EXPECT_EQ(test, gomap_len(m), (size_t)0);
		GMT_CHECK(test, m);
	}
}

static void unequal_to_itself(struct kunit *test)
{
	struct gomap *m = floats(test, GOMAP_IRREFLEXIVE | GOMAP_UPDATE_KEY,
				 16);
	struct gomap_cursor c = { };
	u64 nan = NAN, val, sum, n;
	struct gomap_iter it;

	KUNIT_EXPECT_EQ(test, 0, gmt_put(m, ONE, 1, GOMAP_ANY));
	for (n = 0; n < 300; n++)
		KUNIT_ASSERT_EQ(test, 0, gmt_put(m, NAN, n, n % 2 ? GOMAP_NEW :
						 GOMAP_ANY));
	KUNIT_EXPECT_EQ(test, gomap_len(m), (size_t)301);
	KUNIT_EXPECT_FALSE(test, gomap_get(m, &nan, &val));
	KUNIT_EXPECT_FALSE(test, gomap_contains(m, &nan));
	KUNIT_EXPECT_EQ(test, gomap_get_many(m, &nan, &val, NULL, 1), 0U);
	KUNIT_EXPECT_EQ(test, -ENOENT, gomap_delete(m, &nan));
	KUNIT_EXPECT_EQ(test, -ENOENT, gmt_put(m, NAN, 1, GOMAP_EXISTING));
	KUNIT_EXPECT_EQ(test, -EINVAL, gomap_scan(m, &c, &nan, NULL, NULL, 1));
	KUNIT_EXPECT_EQ(test, 0, gomap_shrink(m, GFP_KERNEL));
	KUNIT_EXPECT_TRUE(test, gmt_has(m, ONE, 1));
	GMT_CHECK(test, m);

	sum = 0;
	n = 0;
	gomap_iter_init(&it, m);
	while (gomap_iter_next(&it, &nan, &val)) {
		n += nan == NAN;
		sum += nan == NAN ? val : 0;
	}
	KUNIT_EXPECT_EQ(test, n, 300ULL);
	KUNIT_EXPECT_EQ(test, sum, 300ULL * 299 / 2);

	gomap_clear(m);
	KUNIT_EXPECT_EQ(test, gomap_len(m), (size_t)0);
	KUNIT_EXPECT_EQ(test, only_key(m), GCT_POISON_U64);
	GMT_CHECK(test, m);
}

/*
 * What the kernel calls HalfSipHash is SipHash-1-3 on 64-bit machines, of which
 * it returns the lower half.
 */
static void words_are_hashed_with_siphash(struct kunit *test)
{
	struct rnd_state rnd;
	unsigned int i;

	if (!IS_ENABLED(CONFIG_64BIT))
		kunit_skip(test, "HalfSipHash is another one here");
	prandom_seed_state(&rnd, gochan_seed());
	for (i = 0; i < 1000; i++) {
		siphash_key_t seed;
		hsiphash_key_t key;
		__le64 bytes;
		u64 word;

		prandom_bytes_state(&rnd, &seed, sizeof(seed));
		prandom_bytes_state(&rnd, &word, sizeof(word));
		key.key[0] = seed.key[0];
		key.key[1] = seed.key[1];
		bytes = cpu_to_le64(word);
		KUNIT_ASSERT_EQ(test, (u32)gomap_siphash_word(word, &seed),
				hsiphash(&bytes, sizeof(bytes), &key));
	}
}

static struct kunit_case keys_cases[] = {
	KUNIT_CASE(words_are_hashed_with_siphash),
	KUNIT_CASE_PARAM(all_kinds_store_and_find, kind_gen_params),
	KUNIT_CASE(bytes_keys_have_lengths),
	KUNIT_CASE(overwrite_updates_the_key),
	KUNIT_CASE(unequal_to_itself),
	{}
};

struct kunit_suite gomap_keys_suite = {
	.name = "gomap-keys",
	.init = gct_init,
	.exit = gct_exit,
	.test_cases = keys_cases,
};
