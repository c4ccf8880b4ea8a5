/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The subjects of one kind of map, from the functions of bench_kinds.c. Included
 * there for each kind, without a guard, with
 *	BENCH_KIND	its name
 *	BENCH_SET	whether its values have no bytes
 *	BENCH_SUITE	that of its suite
 *	BENCH_KEYING	its keys
 */

#define BENCH_FN(family, op)						\
	CONCATENATE(CONCATENATE(bench_##family##_, BENCH_KIND), op)
#define BENCH_K		(&CONCATENATE(bench_kind_, BENCH_KIND))

static void *BENCH_FN(kgo, _create)(size_t n)
{
	return bench_kgo_create(n, BENCH_K);
}

static void *BENCH_FN(kgo, _reserved)(size_t n)
{
	return bench_kgo_reserved(n, BENCH_K);
}

static int BENCH_FN(kgo, _insert)(void *table, const u64 *keys, size_t n,
				  gfp_t gfp)
{
	return bench_kgo_insert(table, keys, n, gfp, BENCH_K);
}

static size_t BENCH_FN(kgo, _get)(void *table, const u64 *keys, size_t n,
				  u64 *sum)
{
	return bench_kgo_get(table, keys, n, sum, BENCH_K);
}

static size_t BENCH_FN(kgo, _get_many)(void *table, const u64 *keys, size_t n,
				       u64 *sum)
{
	return bench_kgo_get_many(table, keys, n, sum, BENCH_K);
}

static size_t BENCH_FN(kgo, _overwrite)(void *table, const u64 *keys, size_t n)
{
	return bench_kgo_overwrite(table, keys, n, BENCH_K);
}

static size_t BENCH_FN(kgo, _remove)(void *table, const u64 *keys, size_t n)
{
	return bench_kgo_remove(table, keys, n, BENCH_K);
}

static size_t BENCH_FN(kgo, _iterate)(void *table, u64 *sum)
{
	return bench_kgo_iterate(table, sum, BENCH_K);
}

static const struct bench_subject BENCH_FN(kgo, _subject) = {
	.name = BENCH_SUITE "\tgomap",
	.keying = &BENCH_KEYING,
	.set = BENCH_SET,
	.create = BENCH_FN(kgo, _create),
	.create_reserved = BENCH_FN(kgo, _reserved),
	.destroy = bench_gomap_destroy,
	.insert = BENCH_FN(kgo, _insert),
	.get = BENCH_FN(kgo, _get),
	.get_many = BENCH_FN(kgo, _get_many),
	.overwrite = BENCH_FN(kgo, _overwrite),
	.remove = BENCH_FN(kgo, _remove),
	.iterate = BENCH_FN(kgo, _iterate),
	.settle = bench_gomap_settle,
};

static void *BENCH_FN(krht, _create)(size_t n)
{
	return bench_krht_create(n, BENCH_K);
}

static void *BENCH_FN(krht, _reserved)(size_t n)
{
	return bench_krht_reserved(n, BENCH_K);
}

static int BENCH_FN(krht, _insert)(void *table, const u64 *keys, size_t n,
				   gfp_t gfp)
{
	return bench_krht_insert(table, keys, n, gfp, BENCH_K);
}

static size_t BENCH_FN(krht, _get)(void *table, const u64 *keys, size_t n,
				   u64 *sum)
{
	return bench_krht_get(table, keys, n, sum, BENCH_K);
}

static size_t BENCH_FN(krht, _overwrite)(void *table, const u64 *keys, size_t n)
{
	return bench_krht_overwrite(table, keys, n, BENCH_K);
}

static size_t BENCH_FN(krht, _remove)(void *table, const u64 *keys, size_t n)
{
	return bench_krht_remove(table, keys, n, BENCH_K);
}

static size_t BENCH_FN(krht, _iterate)(void *table, u64 *sum)
{
	return bench_krht_iterate(table, sum, BENCH_K);
}

static const struct bench_subject BENCH_FN(krht, _subject) = {
	.name = BENCH_SUITE "\trhashtable",
	.keying = &BENCH_KEYING,
	.set = BENCH_SET,
	.create = BENCH_FN(krht, _create),
	.create_reserved = BENCH_FN(krht, _reserved),
	.destroy = bench_rht_destroy,
	.insert = BENCH_FN(krht, _insert),
	.get = BENCH_FN(krht, _get),
	.overwrite = BENCH_FN(krht, _overwrite),
	.remove = BENCH_FN(krht, _remove),
	.iterate = BENCH_FN(krht, _iterate),
	.settle = bench_rht_settle,
};

/* It has its size to begin with, and nothing else to be reserved. */
static void *BENCH_FN(khl, _create)(size_t n)
{
	return bench_khl_create(n, BENCH_K);
}

static int BENCH_FN(khl, _insert)(void *table, const u64 *keys, size_t n,
				  gfp_t gfp)
{
	return bench_khl_insert(table, keys, n, gfp, BENCH_K);
}

static size_t BENCH_FN(khl, _get)(void *table, const u64 *keys, size_t n,
				  u64 *sum)
{
	return bench_khl_get(table, keys, n, sum, BENCH_K);
}

static size_t BENCH_FN(khl, _overwrite)(void *table, const u64 *keys, size_t n)
{
	return bench_khl_overwrite(table, keys, n, BENCH_K);
}

static size_t BENCH_FN(khl, _remove)(void *table, const u64 *keys, size_t n)
{
	return bench_khl_remove(table, keys, n, BENCH_K);
}

static size_t BENCH_FN(khl, _iterate)(void *table, u64 *sum)
{
	return bench_khl_iterate(table, sum, BENCH_K);
}

static const struct bench_subject BENCH_FN(khl, _subject) = {
	.name = BENCH_SUITE "\thlist",
	.keying = &BENCH_KEYING,
	.set = BENCH_SET,
	.create = BENCH_FN(khl, _create),
	.destroy = bench_khl_destroy,
	.insert = BENCH_FN(khl, _insert),
	.get = BENCH_FN(khl, _get),
	.overwrite = BENCH_FN(khl, _overwrite),
	.remove = BENCH_FN(khl, _remove),
	.iterate = BENCH_FN(khl, _iterate),
};

#undef BENCH_FN
#undef BENCH_K
#undef BENCH_KIND
#undef BENCH_SET
#undef BENCH_SUITE
#undef BENCH_KEYING
