// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_bench - our structures and the kernel's own side by side
 *
 * Loading the module runs everything and prints lines of tab-separated
 * "subject n op value" to the log, between two marks. Those of other suites than
 * the maps have its name before them. A value is nanoseconds per operation
 * unless the name of the op says otherwise.
 *
 * All subjects get the same operations on the same keys, in rounds: each round
 * takes every subject once, beginning with another one each time, so that what
 * disturbs the machine for a while disturbs all of them. The median of the
 * rounds counts, and the first round is a rehearsal. What an operation leaves
 * to a worker belongs to its cost: insertion and removal let workers run in
 * between, and end when the workers have.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/gfp.h>
#include <linux/irqflags.h>
#include <linux/ktime.h>
#include <linux/math.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "../compat.h"
#include "bench.h"

static unsigned int rounds = 5;
module_param(rounds, uint, 0444);
MODULE_PARM_DESC(rounds, "rounds that count (default 5)");

static unsigned int turn;
module_param(turn, uint, 0444);
MODULE_PARM_DESC(turn, "rounds in other boots before these, which begin with another subject each (default 0)");

static ulong min_n;
module_param(min_n, ulong, 0444);
MODULE_PARM_DESC(min_n, "leave out sizes below this number of entries");

static ulong max_n = 4000000;
module_param(max_n, ulong, 0444);
MODULE_PARM_DESC(max_n, "leave out sizes above this number (default 4000000)");

static ulong growth_n = 1000000;
module_param(growth_n, ulong, 0444);
MODULE_PARM_DESC(growth_n, "entries while memory is sampled (default 1000000, 0: do not)");

static ulong dearest_n;
module_param(dearest_n, ulong, 0444);
MODULE_PARM_DESC(dearest_n, "entries while single inserts are timed (default 0: do not)");

static ulong min_ops = 131072;
module_param(min_ops, ulong, 0444);
MODULE_PARM_DESC(min_ops, "least number of lookups per measurement (default 131072)");

static bool slices = true;
module_param(slices, bool, 0444);
MODULE_PARM_DESC(slices, "measure slices, too (default yes)");

static bool chans = true;
module_param(chans, bool, 0444);
MODULE_PARM_DESC(chans, "measure channels, too (default yes)");

static bool maps = true;
module_param(maps, bool, 0444);
MODULE_PARM_DESC(maps, "measure maps of words by words (default yes)");

static bool kinds = true;
module_param(kinds, bool, 0444);
MODULE_PARM_DESC(kinds, "measure maps with other keys and values, too (default yes)");

static bool scale;
module_param(scale, bool, 0444);
MODULE_PARM_DESC(scale, "measure maps on two processors, too (default no)");

/* Of so many operations of a mixed load, so many are lookups. */
#define BENCH_MIX		100UL
#define BENCH_MIX_GETS		90UL

/*
 * Operations between two chances for workers: writers and readers. Whole groups
 * of a mixed load, and of keys that are looked up at once.
 */
#define BENCH_WRITE_CHUNK	16UL
#define BENCH_READ_CHUNK	(BENCH_MIX * BENCH_BATCH)

/* Subjects of one comparison. */
#define BENCH_MAX_SUBJECTS	5

/* Below this size, waiting for workers would cost more than the inserts. */
#define BENCH_SETTLE_MIN	1000UL

/* Larger tables are filled once a round, which takes long enough. */
#define BENCH_RESERVED_MAX	1000000UL

/* Memory is sampled this many times during a growth. */
#define BENCH_SAMPLES		1000UL

/* The most that a subject needs per entry, keys and both tables included. */
#define BENCH_ENTRY_BYTES	256UL

static const struct bench_subject *const bench_subjects[] = {
	&bench_gomap,
	&bench_rhashtable,
	&bench_rhashtable_noshrink,
	&bench_hlist,
	&bench_xarray,
};

static const unsigned long bench_sizes[] = {
	8, 64, 1000, 100000, 1000000, 4000000,
};

/* What is learnt from the other sizes is the same for all keys and values. */
static const unsigned long bench_kind_sizes[] = { 64, 1000, 1000000 };

/* Arrays of 8 KiB and of 8 MB. */
static const unsigned long bench_slice_sizes[] = { 1000, 1000000 };

/* In the order in which they are done. */
enum bench_op {
	BENCH_INSERT,
	BENCH_HIT,
	BENCH_MISS,
	BENCH_GET_MANY,
	BENCH_ITERATE,
	BENCH_OVERWRITE,
	BENCH_MIXED,
	BENCH_DELETE,
	BENCH_INSERT_RESERVED,
	BENCH_OPS,
};

static const char *const bench_op_names[BENCH_OPS] = {
	[BENCH_INSERT] = "insert",
	[BENCH_HIT] = "hit",
	[BENCH_MISS] = "miss",
	[BENCH_GET_MANY] = "get_many",
	[BENCH_ITERATE] = "iterate",
	[BENCH_OVERWRITE] = "overwrite",
	[BENCH_MIXED] = "mixed",
	[BENCH_DELETE] = "delete",
	[BENCH_INSERT_RESERVED] = "insert_reserved",
};

static bool bench_has(const struct bench_subject *s, enum bench_op op, size_t n)
{
	switch (op) {
	case BENCH_GET_MANY:
		return s->get_many;
	case BENCH_ITERATE:
		return s->iterate;
	case BENCH_INSERT_RESERVED:
		return s->create_reserved && n <= BENCH_RESERVED_MAX;
	default:
		return true;
	}
}

/* Thousandths of a nanosecond. */
static u64 bench_results[BENCH_MAX_SUBJECTS][BENCH_OPS][BENCH_MAX_ROUNDS];

static void bench_settle(const struct bench_subject *s, void *table)
{
	if (s->settle)
		s->settle(table);
}

static int bench_insert(const struct bench_subject *s, void *table,
			const u64 *keys, size_t n)
{
	size_t i, nr;
	int err;

	for (i = 0; i < n; i += nr) {
		nr = min(n - i, BENCH_WRITE_CHUNK);
		err = s->insert(table, &keys[i * s->keying->words], nr,
				GFP_KERNEL);
		if (err)
			return err;
		cond_resched();
	}
	if (n >= BENCH_SETTLE_MIN)
		bench_settle(s, table);
	return 0;
}

static int bench_remove(const struct bench_subject *s, void *table,
			const u64 *keys, size_t n)
{
	size_t i, nr, found = 0;

	for (i = 0; i < n; i += nr) {
		nr = min(n - i, BENCH_WRITE_CHUNK);
		found += s->remove(table, &keys[i * s->keying->words], nr);
		cond_resched();
	}
	if (n >= BENCH_SETTLE_MIN)
		bench_settle(s, table);
	return found == n ? 0 : -EIO;
}

/* A tenth of what is not a lookup is a removal, with an insertion after it. */
static size_t bench_mixed(const struct bench_subject *s, void *table,
			  const u64 *keys, size_t n, u64 *sum)
{
	const unsigned int words = s->keying->words;
	size_t i, found = 0;
	const u64 *last;

	for (i = 0; i + BENCH_MIX <= n; i += BENCH_MIX) {
		found += s->get(table, &keys[i * words], BENCH_MIX_GETS, sum);
		found += s->overwrite(table,
				      &keys[(i + BENCH_MIX_GETS) * words],
				      BENCH_MIX - BENCH_MIX_GETS - 1);
		last = &keys[(i + BENCH_MIX - 1) * words];
		found += s->remove(table, last, 1);
		if (s->insert(table, last, 1, GFP_KERNEL))
			return 0;
	}
	return found;
}

/* bench_look - one pass of lookups; the sum makes sure that values are read */
static size_t bench_look(const struct bench_subject *s, enum bench_op op,
			 void *table, const u64 *keys, size_t n, u64 *sum)
{
	switch (op) {
	case BENCH_GET_MANY:
		return s->get_many(table, keys, n, sum);
	case BENCH_OVERWRITE:
		return s->overwrite(table, keys, n);
	case BENCH_MIXED:
		return bench_mixed(s, table, keys, n, sum);
	default:
		return s->get(table, keys, n, sum);
	}
}

static size_t bench_pass(const struct bench_subject *s, enum bench_op op,
			 void *table, const u64 *keys, size_t n, u64 *sum)
{
	size_t i, nr, found = 0;

	if (op == BENCH_ITERATE)
		return s->iterate(table, sum);
	for (i = 0; i < n; i += nr) {
		nr = min(n - i, BENCH_READ_CHUNK);
		found += bench_look(s, op, table, &keys[i * s->keying->words],
				    nr, sum);
		cond_resched();
	}
	return found;
}

/* What a pass over all @n keys adds up to. */
static u64 bench_sum(const struct bench_subject *s, const u64 *keys, size_t n)
{
	u64 sum = 0;

	while (!s->set && n--)
		sum += keys[n * s->keying->words];
	return sum;
}

/* bench_per_op - thousandths of a nanosecond per operation */
u64 bench_per_op(u64 start, u64 end, u64 ops)
{
	return div64_u64((end - start) * 1000, ops);
}

static int bench_time_lookups(const struct bench_subject *s, enum bench_op op,
			      void *table, const struct bench_keys *k,
			      u64 *result)
{
	const u64 *keys = op == BENCH_MISS ? k->miss :
			  op == BENCH_ITERATE ? k->insert : k->hit;
	size_t n = op == BENCH_ITERATE ? k->n : k->probes;
	u64 start, sum = 0, want_sum = 0;
	size_t i, passes, found = 0, want;

	/* What is more than whole groups is left out of a mixed load. */
	if (op == BENCH_MIXED)
		n = rounddown(n, BENCH_MIX);
	passes = max(min_ops / n, 1UL);
	start = ktime_get_ns();
	for (i = 0; i < passes; i++)
		found += bench_pass(s, op, table, keys, n, &sum);
	*result = bench_per_op(start, ktime_get_ns(), passes * n);

	want = op == BENCH_MISS ? 0 : passes * n;
	if (op == BENCH_HIT || op == BENCH_GET_MANY || op == BENCH_ITERATE)
		want_sum = passes * bench_sum(s, keys, n);
	/* Values of a mixed load depend on what it overwrote before. */
	return found == want && (op == BENCH_MIXED || sum == want_sum) ?
	       0 : -EIO;
}

static int bench_time_insert(const struct bench_subject *s, void **tables,
			     size_t nr, const struct bench_keys *k, u64 *result)
{
	u64 start = ktime_get_ns();
	size_t i;
	int err;

	for (i = 0; i < nr; i++) {
		err = bench_insert(s, tables[i], k->insert, k->n);
		if (err)
			return err;
	}
	*result = bench_per_op(start, ktime_get_ns(), nr * k->n);
	for (i = 0; i < nr; i++)
		bench_settle(s, tables[i]);
	return 0;
}

static int bench_time_remove(const struct bench_subject *s, void **tables,
			     size_t nr, const struct bench_keys *k, u64 *result)
{
	u64 start = ktime_get_ns();
	size_t i;
	int err;

	for (i = 0; i < nr; i++) {
		err = bench_remove(s, tables[i], k->remove, k->n);
		if (err)
			return err;
	}
	*result = bench_per_op(start, ktime_get_ns(), nr * k->n);
	return 0;
}

static int bench_run_ops(const struct bench_subject *s, void **tables,
			 size_t nr, const struct bench_keys *k,
			 u64 results[][BENCH_MAX_ROUNDS], unsigned int round)
{
	enum bench_op op;
	int err;

	err = bench_time_insert(s, tables, nr, k,
				&results[BENCH_INSERT][round]);
	for (op = BENCH_HIT; !err && op < BENCH_DELETE; op++)
		if (bench_has(s, op, k->n))
			err = bench_time_lookups(s, op, tables[0], k,
						 &results[op][round]);
	if (err)
		return err;
	return bench_time_remove(s, tables, nr, k,
				 &results[BENCH_DELETE][round]);
}

static int bench_create(void *(*create)(size_t n), void **tables, size_t nr,
			size_t n)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		tables[i] = create(n);
		if (!tables[i])
			return -ENOMEM;
	}
	return 0;
}

static void bench_destroy(const struct bench_subject *s, void **tables,
			  size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		s->destroy(tables[i]);
		tables[i] = NULL;
	}
}

static int bench_reserved(const struct bench_subject *s, void **tables,
			  size_t nr, const struct bench_keys *k, u64 *result)
{
	int err = bench_create(s->create_reserved, tables, nr, k->n);

	if (!err)
		err = bench_time_insert(s, tables, nr, k, result);
	bench_destroy(s, tables, nr);
	return err;
}

/* Small tables are built many times over, or the clock would be too coarse. */
static int bench_round(const struct bench_subject *s,
		       const struct bench_keys *k,
		       u64 results[][BENCH_MAX_ROUNDS], unsigned int round)
{
	size_t nr = max(BENCH_MIN_PROBES / k->n, 1UL);
	void **tables;
	int err;

	tables = kvcalloc(nr, sizeof(*tables), GFP_KERNEL);
	if (!tables)
		return -ENOMEM;
	err = bench_create(s->create, tables, nr, k->n);
	if (!err)
		err = bench_run_ops(s, tables, nr, k, results, round);
	bench_destroy(s, tables, nr);
	if (!err && bench_has(s, BENCH_INSERT_RESERVED, k->n))
		err = bench_reserved(s, tables, nr, k,
				     &results[BENCH_INSERT_RESERVED][round]);
	if (err)
		pr_err("%s failed with %d at %zu entries\n", s->name, err, k->n);
	kvfree(tables);
	return err;
}

static int bench_compare(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

u64 bench_median(u64 *values)
{
	sort(values, rounds, sizeof(*values), bench_compare, NULL);
	return values[rounds / 2];
}

/* bench_print - @value is in thousandths */
void bench_print(const char *subject, unsigned long n, const char *op,
		 u64 value)
{
	u32 rest;
	u64 whole = div_u64_rem(value, 1000, &rest);

	pr_info("%s\t%lu\t%s\t%llu.%02u\n", subject, n, op, whole, rest / 10);
}

static void bench_print_ops(const struct bench_subject *s, unsigned long n,
			    u64 results[][BENCH_MAX_ROUNDS])
{
	enum bench_op op;

	for (op = 0; op < BENCH_OPS; op++)
		if (bench_has(s, op, n))
			bench_print(s->name, n, bench_op_names[op],
				    bench_median(results[op]));
}

/* The results of the rehearsal are overwritten by those of the first round. */
static int bench_run_rounds(const struct bench_subject *const *subjects,
			    size_t nr, const struct bench_keys *k,
			    const struct bench_keys *dense)
{
	const struct bench_subject *s;
	unsigned int round;
	size_t i, j;
	int err;

	for (round = 0; round <= rounds; round++) {
		for (i = 0; i < nr; i++) {
			j = (i + turn + round) % nr;
			s = subjects[j];
			err = bench_round(s, s->keying->dense ? dense : k,
					  bench_results[j],
					  max(round, 1U) - 1);
			if (err)
				return err;
		}
	}
	return 0;
}

/* All subjects have the keying of the first one, or dense keys. */
static int bench_size(const struct bench_subject *const *subjects, size_t nr,
		      size_t n)
{
	struct bench_keys k, dense;
	size_t i;
	int err;

	err = bench_keys_init(&k, n, subjects[0]->keying);
	if (err)
		return err;
	err = bench_keys_init(&dense, n, &bench_dense);
	if (!err) {
		err = bench_run_rounds(subjects, nr, &k, &dense);
		bench_keys_free(&dense);
	}
	bench_keys_free(&k);
	for (i = 0; !err && i < nr; i++)
		bench_print_ops(subjects[i], n, bench_results[i]);
	return err;
}

/*
 * Memory per entry, averaged over samples that are equally far apart. Workers
 * have finished at each: what a growth needs for a while does not count.
 */
static int bench_sample(const struct bench_subject *s, void *table,
			const u64 *keys, size_t n, u64 *result)
{
	size_t i, step = max(n / BENCH_SAMPLES, 1UL), samples = 0;
	u64 sum = 0;
	int err;

	for (i = 0; i + step <= n; i += step) {
		err = bench_insert(s, table, &keys[i], step);
		if (err)
			return err;
		bench_settle(s, table);
		sum += div64_u64((u64)s->bytes(table) * 1000, i + step);
		samples++;
	}
	*result = div64_u64(sum, samples);
	return 0;
}

/*
 * The dearest of many inserts, each timed on its own. Interrupts are off
 * meanwhile: those that happen to arrive are not its cost.
 */
static int bench_dearest(const struct bench_subject *s, void *table,
			 const u64 *keys, size_t n, u64 *result)
{
	u64 start, spent, most = 0;
	unsigned long flags;
	size_t i;
	int err;

	for (i = 0; i < n; i++) {
		local_irq_save(flags);
		start = ktime_get_ns();
		err = s->insert(table, &keys[i], 1, GFP_ATOMIC);
		spent = ktime_get_ns() - start;
		local_irq_restore(flags);
		if (err)
			return err;
		most = max(most, spent);
		cond_resched();
	}
	*result = most * 1000;
	return 0;
}

/* The experiments on a growing table; each is an op of its own. */
enum bench_growth {
	BENCH_BYTES,
	BENCH_DEAREST,
};

static const char *const bench_growth_names[] = {
	[BENCH_BYTES] = "bytes_per_entry",
	[BENCH_DEAREST] = "insert_dearest",
};

static int bench_grow(const struct bench_subject *s, enum bench_growth what,
		      const u64 *keys, size_t n, u64 *result)
{
	void *table = s->create(n);
	int err;

	if (!table)
		return -ENOMEM;
	if (what == BENCH_BYTES)
		err = bench_sample(s, table, keys, n, result);
	else
		err = bench_dearest(s, table, keys, n, result);
	if (err)
		pr_err("%s failed with %d in %s\n", s->name, err,
		       bench_growth_names[what]);
	s->destroy(table);
	return err;
}

/*
 * For those subjects that tell their memory. The dearest insert is the dearest of
 * as many as there are splits, or moves of a worker: it is sought once.
 */
static int bench_growth(enum bench_growth what, size_t n)
{
	unsigned int round, nr = what == BENCH_DEAREST ? 1 : rounds;
	const struct bench_subject *s;
	struct bench_keys k;
	size_t i;
	int err;

	err = bench_keys_init(&k, n, &bench_sparse);
	if (err)
		return err;
	for (round = 0; !err && round < nr; round++) {
		for (i = 0; !err && i < ARRAY_SIZE(bench_subjects); i++) {
			s = bench_subjects[i];
			if (s->bytes)
				err = bench_grow(s, what, k.insert, n,
						 &bench_results[i][0][round]);
		}
	}
	bench_keys_free(&k);
	for (i = 0; !err && i < ARRAY_SIZE(bench_subjects); i++)
		if (bench_subjects[i]->bytes)
			bench_print(bench_subjects[i]->name, n,
				    bench_growth_names[what],
				    nr == 1 ? bench_results[i][0][0] :
					      bench_median(bench_results[i][0]));
	return err;
}

static bool bench_fits(unsigned long n)
{
	return n <= (u64)si_mem_available() * PAGE_SIZE / BENCH_ENTRY_BYTES;
}

static int bench_sizes_run(const struct bench_subject *const *subjects,
			   size_t nr, const unsigned long *sizes,
			   size_t nr_sizes)
{
	unsigned long n;
	int err = 0;
	size_t i;

	for (i = 0; !err && i < nr_sizes; i++) {
		n = sizes[i];
		if (n < min_n || n > max_n)
			continue;
		if (bench_fits(n))
			err = bench_size(subjects, nr, n);
		else
			pr_info("no memory for %lu entries, left out\n", n);
	}
	return err;
}

static int bench_run(void)
{
	int err = 0;
	size_t i;

	for (i = 0; !err && slices && i < ARRAY_SIZE(bench_slice_sizes); i++)
		err = bench_slices(bench_slice_sizes[i], rounds);
	if (!err && chans)
		err = bench_chans(min_ops, rounds);
	if (!err && scale)
		err = bench_scale(rounds);
	if (!err && maps)
		err = bench_sizes_run(bench_subjects,
				      ARRAY_SIZE(bench_subjects), bench_sizes,
				      ARRAY_SIZE(bench_sizes));
	for (i = 0; !err && kinds && i < BENCH_KINDS; i++)
		err = bench_sizes_run(bench_kinds[i], BENCH_KIND_PEERS,
				      bench_kind_sizes,
				      ARRAY_SIZE(bench_kind_sizes));
	if (!err && growth_n)
		err = bench_growth(BENCH_BYTES, growth_n);
	if (!err && dearest_n)
		err = bench_growth(BENCH_DEAREST, dearest_n);
	return err;
}

static int __init bench_init(void)
{
	int err;

	rounds = clamp(rounds, 1U, BENCH_MAX_ROUNDS);
	/* Until there is entropy each seed costs tens of times what it should. */
	wait_for_random_bytes();
	bench_touch();
	pr_info("begin\n");
	err = bench_run();
	pr_info("end %d\n", err);
	return err;
}
module_init(bench_init);

static void __exit bench_exit(void)
{
}
module_exit(bench_exit);

MODULE_DESCRIPTION("Benchmarks of channels, maps and slices against the kernel's own structures");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(GOCHAN_NS);
