// SPDX-License-Identifier: GPL-2.0-only
/*
 * One map and a thread on each of several processors: how much of a second
 * processor is left for work, and what is lost to the other's cache lines and
 * locks.
 *
 * Threads begin together, each has the same amount of work, and the time of all
 * is from the first one's beginning to the last one's end. It is divided by the
 * work of all: with two that do not disturb each other, half of that of one.
 *
 * Threads write to keys of their own, so that what they meet on is the table
 * and not the entry.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/task.h>

#include "bench.h"

/* Entries of the map: more than the caches near a processor hold. */
#define BENCH_SCALE_ENTRIES	100000UL

/* Operations of each thread, at least: tens of milliseconds, even if emulated. */
#define BENCH_SCALE_OPS		200000UL

/* Operations between two looks at the clock of the scheduler. */
#define BENCH_SCALE_CHUNK	256UL

/* Of so many operations of a mixed load, one is a write. */
#define BENCH_SCALE_MIX		16UL

#define BENCH_SCALE_THREADS	2U

enum bench_scale_op {
	BENCH_SCALE_GET,
	BENCH_SCALE_BESIDE,
	BENCH_SCALE_MIXED,
	BENCH_SCALE_OVERWRITE,
	BENCH_SCALE_REPLACE,
	BENCH_SCALE_NR_OPS,
};

static const char *const bench_scale_names[] = {
	[BENCH_SCALE_GET] = "get",
	[BENCH_SCALE_BESIDE] = "get_beside_writer",
	[BENCH_SCALE_MIXED] = "mixed",
	[BENCH_SCALE_OVERWRITE] = "overwrite",
	[BENCH_SCALE_REPLACE] = "replace",
};

/*
 * Work that shares nothing: how much faster two threads can be here at all. A
 * virtual machine may not have a processor of the host for each of its own.
 */

/* Rounds of arithmetic, about as long as a lookup. */
#define BENCH_SCALE_SPINS	32

static void *bench_cpu_create(size_t n)
{
	/* Anything but NULL: there is no table. */
	return (void *)bench_scale_names;
}

static void bench_cpu_destroy(void *table)
{
}

static int bench_cpu_insert(void *table, const u64 *keys, size_t n, gfp_t gfp)
{
	return 0;
}

static size_t bench_cpu_get(void *table, const u64 *keys, size_t n, u64 *sum)
{
	size_t i, j;
	u64 x;

	for (i = 0; i < n; i++) {
		x = keys[i];
		for (j = 0; j < BENCH_SCALE_SPINS; j++)
			x = (x ^ (x >> 31)) * 0x94d049bb133111ebULL;
		*sum += x;
	}
	return n;
}

static const struct bench_subject bench_cpu = {
	.name = "cpu",
	.create = bench_cpu_create,
	.destroy = bench_cpu_destroy,
	.insert = bench_cpu_insert,
	.get = bench_cpu_get,
};

static const struct bench_subject *const bench_scale_subjects[] = {
	&bench_gomap,
	&bench_rhashtable,
	&bench_cpu,
};

#define BENCH_SCALE_SUBJECTS	ARRAY_SIZE(bench_scale_subjects)

static u64 bench_scale_results[BENCH_SCALE_SUBJECTS][BENCH_SCALE_NR_OPS]
			      [BENCH_SCALE_THREADS][BENCH_MAX_ROUNDS];

/**
 * struct bench_thread - one of the threads
 * @s: subject
 * @op: what it does
 * @table: the map of all threads
 * @keys: its own part of the keys
 * @n: number of these
 * @beside: another thread, until whose end it works; NULL: has its own amount
 * @task: itself
 * @go: completed when all are there
 * @done: completed when it has ended its work
 * @start: nanoseconds, when it began
 * @end: and when it was done
 * @done_ops: operations done
 * @err: -EIO if a key was not found
 * @sum: of the values, so that they are read
 */
struct bench_thread {
	const struct bench_subject *s;
	enum bench_scale_op op;
	void *table;
	const u64 *keys;
	size_t n;
	const struct bench_thread *beside;
	struct task_struct *task;
	struct completion *go;
	struct completion done;
	u64 start;
	u64 end;
	size_t done_ops;
	int err;
	u64 sum;
};

/* Delete and insert again: the number of entries stays nearly the same. */
static size_t bench_scale_replace(struct bench_thread *t, const u64 *keys,
				  size_t n)
{
	size_t found = t->s->remove(t->table, keys, n);

	if (t->s->insert(t->table, keys, n, GFP_KERNEL))
		return 0;
	return found;
}

static size_t bench_scale_mix(struct bench_thread *t, const u64 *keys, size_t n)
{
	size_t i, nr, found = 0;

	for (i = 0; i < n; i += nr) {
		nr = min(n - i, BENCH_SCALE_MIX);
		found += t->s->get(t->table, &keys[i], nr - 1, &t->sum);
		found += t->s->overwrite(t->table, &keys[i + nr - 1], 1);
	}
	return found;
}

static size_t bench_scale_chunk(struct bench_thread *t, const u64 *keys,
				size_t n)
{
	switch (t->op) {
	case BENCH_SCALE_MIXED:
		return bench_scale_mix(t, keys, n);
	case BENCH_SCALE_OVERWRITE:
		return t->s->overwrite(t->table, keys, n);
	case BENCH_SCALE_REPLACE:
		return bench_scale_replace(t, keys, n);
	default:
		return t->s->get(t->table, keys, n, &t->sum);
	}
}

static bool bench_scale_more(const struct bench_thread *t, size_t done)
{
	if (t->beside)
		return !READ_ONCE(t->beside->end);
	return done < BENCH_SCALE_OPS;
}

static void bench_scale_work(struct bench_thread *t)
{
	size_t nr, at = 0, done = 0;

	while (bench_scale_more(t, done)) {
		nr = min(t->n - at, BENCH_SCALE_CHUNK);
		if (bench_scale_chunk(t, &t->keys[at], nr) != nr)
			t->err = -EIO;
		at = at + nr < t->n ? at + nr : 0;
		done += nr;
		cond_resched();
	}
	t->done_ops = done;
}

static int bench_scale_thread(void *data)
{
	struct bench_thread *t = data;

	wait_for_completion(t->go);
	t->start = ktime_get_ns();
	bench_scale_work(t);
	WRITE_ONCE(t->end, ktime_get_ns());
	complete(&t->done);
	return 0;
}

static int bench_scale_start(struct bench_thread *t, unsigned int cpu)
{
	struct task_struct *task;

	task = kthread_create_on_node(bench_scale_thread, t, NUMA_NO_NODE,
				      "gochan_bench/%u", cpu);
	if (IS_ERR(task))
		return PTR_ERR(task);
	kthread_bind(task, cpu);
	/* It ends by itself; its task stays until it has been stopped. */
	t->task = get_task_struct(task);
	wake_up_process(task);
	return 0;
}

/* From the first beginning to the last end, for each operation of them all. */
static u64 bench_scale_time(const struct bench_thread *t, unsigned int nr)
{
	u64 start = t[0].start, end = t[0].end, ops = t[0].done_ops;
	unsigned int i;

	for (i = 1; i < nr && !t[i].beside; i++) {
		start = min(start, t[i].start);
		end = max(end, t[i].end);
		ops += t[i].done_ops;
	}
	return bench_per_op(start, end, ops);
}

/* Run @nr threads to their end, each on a processor of its own. */
static int bench_scale_run(struct bench_thread *t, unsigned int nr, u64 *result)
{
	DECLARE_COMPLETION_ONSTACK(go);
	unsigned int i, cpu, started = 0;
	int err = 0;

	for_each_online_cpu(cpu) {
		if (started == nr)
			break;
		t[started].go = &go;
		init_completion(&t[started].done);
		t[started].end = 0;
		err = bench_scale_start(&t[started], cpu);
		if (err)
			break;
		started++;
	}
	/* A processor may have gone since they were counted. */
	if (!err && started < nr)
		err = -ENODEV;
	complete_all(&go);
	for (i = 0; i < started; i++)
		wait_for_completion(&t[i].done);
	for (i = 0; i < started; i++) {
		kthread_stop(t[i].task);
		put_task_struct(t[i].task);
		err = err ?: t[i].err;
	}
	if (!err)
		*result = bench_scale_time(t, nr);
	return err;
}

static void bench_scale_threads(struct bench_thread *t,
				const struct bench_subject *s, void *table,
				enum bench_scale_op op,
				const struct bench_keys *k)
{
	const size_t part = k->n / BENCH_SCALE_THREADS;
	unsigned int i;

	for (i = 0; i < BENCH_SCALE_THREADS; i++)
		t[i] = (struct bench_thread){
			.s = s,
			.op = op,
			.table = table,
			.keys = &k->remove[i * part],
			.n = part,
		};
	if (op == BENCH_SCALE_BESIDE) {
		t[1].op = BENCH_SCALE_OVERWRITE;
		t[1].beside = &t[0];
	}
}

/*
 * The objects of the other subject are freed at once, under the eyes of the
 * other thread. And beside a writer there are always two threads.
 */
static bool bench_scale_possible(const struct bench_subject *s,
				 enum bench_scale_op op, unsigned int nr)
{
	if (s == &bench_cpu)
		return op == BENCH_SCALE_GET;
	if (op == BENCH_SCALE_REPLACE)
		return s == &bench_gomap;
	return op != BENCH_SCALE_BESIDE || nr == BENCH_SCALE_THREADS;
}

/* One subject, all operations, with one thread and with more. */
static int bench_scale_subject(size_t subject, void *table,
			       const struct bench_keys *k, unsigned int round)
{
	const struct bench_subject *s = bench_scale_subjects[subject];
	struct bench_thread t[BENCH_SCALE_THREADS];
	enum bench_scale_op op;
	unsigned int nr;
	int err = 0;

	for (op = 0; op < BENCH_SCALE_NR_OPS; op++) {
		for (nr = 1; !err && nr <= BENCH_SCALE_THREADS; nr++) {
			if (!bench_scale_possible(s, op, nr))
				continue;
			bench_scale_threads(t, s, table, op, k);
			err = bench_scale_run(t, nr,
					      &bench_scale_results[subject][op]
					      [nr - 1][round]);
		}
	}
	return err;
}

/* The results of the rehearsal are overwritten by those of the first round. */
static int bench_scale_rounds(void **tables, const struct bench_keys *k,
			      unsigned int rounds)
{
	unsigned int round;
	size_t i, j;
	int err;

	for (round = 0; round <= rounds; round++) {
		for (i = 0; i < BENCH_SCALE_SUBJECTS; i++) {
			j = (i + round) % BENCH_SCALE_SUBJECTS;
			err = bench_scale_subject(j, tables[j], k,
						  max(round, 1U) - 1);
			if (err)
				return err;
		}
	}
	return 0;
}

static void bench_scale_print(size_t subject)
{
	const struct bench_subject *s = bench_scale_subjects[subject];
	enum bench_scale_op op;
	unsigned int nr;
	char name[32];
	u64 *results;

	snprintf(name, sizeof(name), "scale\t%s", s->name);
	for (op = 0; op < BENCH_SCALE_NR_OPS; op++) {
		for (nr = 1; nr <= BENCH_SCALE_THREADS; nr++) {
			if (!bench_scale_possible(s, op, nr))
				continue;
			results = bench_scale_results[subject][op][nr - 1];
			bench_print(name, nr, bench_scale_names[op],
				    bench_median(results));
		}
	}
}

static int bench_scale_fill(void **tables, const struct bench_keys *k)
{
	const struct bench_subject *s;
	size_t i;
	int err = 0;

	for (i = 0; !err && i < BENCH_SCALE_SUBJECTS; i++) {
		s = bench_scale_subjects[i];
		tables[i] = s->create(k->n);
		if (!tables[i])
			return -ENOMEM;
		err = s->insert(tables[i], k->insert, k->n, GFP_KERNEL);
	}
	return err;
}

/**
 * bench_scale - measure one map on several processors
 * @rounds: rounds that count
 *
 * Return: 0, -ENOMEM, or -EIO if keys were not found.
 */
int bench_scale(unsigned int rounds)
{
	void *tables[BENCH_SCALE_SUBJECTS] = {};
	struct bench_keys k;
	size_t i;
	int err;

	if (num_online_cpus() < BENCH_SCALE_THREADS) {
		pr_info("SKIP scale: there is only one processor\n");
		return 0;
	}
	err = bench_keys_init(&k, BENCH_SCALE_ENTRIES, &bench_sparse);
	if (err)
		return err;
	err = bench_scale_fill(tables, &k);
	if (!err)
		err = bench_scale_rounds(tables, &k, rounds);
	for (i = 0; i < BENCH_SCALE_SUBJECTS; i++)
		bench_scale_subjects[i]->destroy(tables[i]);
	bench_keys_free(&k);
	if (err)
		pr_err("scale failed with %d\n", err);
	for (i = 0; !err && i < BENCH_SCALE_SUBJECTS; i++)
		bench_scale_print(i);
	return err;
}
