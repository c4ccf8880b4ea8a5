// SPDX-License-Identifier: GPL-2.0-only
/*
 * Channels against what a driver writes by hand, which is in bench_fifo.c.
 *
 * Each measurement is one run of a function below; a round takes all of them
 * once, as in bench.c. The n of a result is
 *   send_recv		bytes of a message: one task sends and receives
 *   stream		capacity: a thread sends, another one receives
 *   round_trip		capacity, which is 0: to another thread and back
 *   send_select	cases: a message is sent to one, and a select finds it
 *   select_blocked	cases: a round trip to a thread that waits in a select
 *
 * One of the threads is a kthread, the other one the task that loads the module.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/gochan.h>
#include <linux/goselect.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/sched/task.h>

#include "bench_chan.h"

u64 bench_sent[BENCH_MSG_WORDS];
u64 bench_received[BENCH_MSG_WORDS];

#define BENCH_CHAN_MAX_CASES	8

static int bench_peer_thread(void *data)
{
	struct bench_peer *p = data;

	return p->work(p->ctx, p->ops);
}

static int bench_peer_start(struct bench_peer *p)
{
	struct task_struct *task;

	task = kthread_create(bench_peer_thread, p, "gochan_bench/peer");
	if (IS_ERR(task))
		return PTR_ERR(task);
	/* It ends by itself; its task stays until it has been stopped. */
	p->task = get_task_struct(task);
	wake_up_process(task);
	return 0;
}

static int bench_peer_stop(struct bench_peer *p)
{
	int err = kthread_stop(p->task);

	put_task_struct(p->task);
	return err;
}

/*
 * Time @work beside a peer with the same context. If it fails, as it does when
 * the caller is being killed, @give_up lets the peer go.
 */
int bench_time_pair(struct bench_peer *p,
		    int (*work)(void *ctx, unsigned long ops),
		    void (*give_up)(void *ctx), u64 *result)
{
	u64 start;
	int err, peer_err;

	err = bench_peer_start(p);
	if (err)
		return err;
	start = ktime_get_ns();
	err = work(p->ctx, p->ops);
	*result = bench_per_op(start, ktime_get_ns(), p->ops);
	if (err && give_up)
		give_up(p->ctx);
	peer_err = bench_peer_stop(p);
	return err ?: peer_err;
}

/*
 * Channels.
 */

/**
 * struct bench_chans - what channels a measurement takes
 * @to: to the other thread, or to itself
 * @back: from the other thread
 * @n: number of @to
 */
struct bench_chans {
	struct gochan *to[BENCH_CHAN_MAX_CASES];
	struct gochan *back;
	unsigned int n;
};

static void bench_chans_close(void *ctx)
{
	struct bench_chans *c = ctx;
	unsigned int i;

	for (i = 0; i < c->n; i++)
		gochan_close(c->to[i]);
	gochan_close(c->back);
}

static void bench_chans_free(struct bench_chans *c)
{
	while (c->n)
		gochan_put(c->to[--c->n]);
	gochan_put(c->back);
}

static int bench_chans_alloc(struct bench_chans *c, unsigned int n,
			     size_t cap)
{
	struct gochan *ch;

	c->n = 0;
	ch = gochan_alloc(sizeof(u64), 0, GFP_KERNEL);
	if (IS_ERR(ch))
		return PTR_ERR(ch);
	c->back = ch;
	while (c->n < n) {
		ch = gochan_alloc(sizeof(u64), cap, GFP_KERNEL);
		if (IS_ERR(ch)) {
			bench_chans_free(c);
			return PTR_ERR(ch);
		}
		c->to[c->n++] = ch;
	}
	return 0;
}

static int bench_gochan_loop(struct gochan *ch, unsigned long ops)
{
	unsigned long i;
	bool ok;
	int err;

	for (i = 0; i < ops; i++) {
		bench_sent[0] = i;
		err = gochan_send(ch, bench_sent);
		if (!err)
			err = gochan_recv(ch, bench_received, &ok);
		if (err)
			return err;
		if (bench_received[0] != i)
			return -EIO;
	}
	return 0;
}

static int bench_gochan_send_recv(size_t size, unsigned long ops, u64 *result)
{
	struct gochan *ch = gochan_alloc(size, BENCH_CHAN_CAP, GFP_KERNEL);
	u64 start;
	int err;

	if (IS_ERR(ch))
		return PTR_ERR(ch);
	start = ktime_get_ns();
	err = bench_gochan_loop(ch, ops);
	*result = bench_per_op(start, ktime_get_ns(), ops);
	gochan_put(ch);
	return err;
}

static int bench_gochan_produce(void *ctx, unsigned long ops)
{
	struct bench_chans *c = ctx;
	int err;
	u64 i;

	for (i = 0; i < ops; i++) {
		err = gochan_send(c->to[0], &i);
		if (err)
			return err;
	}
	return 0;
}

static int bench_gochan_consume(void *ctx, unsigned long ops)
{
	struct bench_chans *c = ctx;
	u64 i, val;
	bool ok;
	int err;

	for (i = 0; i < ops; i++) {
		err = gochan_recv(c->to[0], &val, &ok);
		if (err)
			return err;
		if (!ok || val != i)
			return -EIO;
	}
	return 0;
}

static int bench_gochan_stream(size_t cap, unsigned long ops, u64 *result)
{
	struct bench_chans c;
	struct bench_peer p = {
		.work = bench_gochan_produce,
		.ctx = &c,
		.ops = ops,
	};
	int err;

	err = bench_chans_alloc(&c, 1, cap);
	if (err)
		return err;
	err = bench_time_pair(&p, bench_gochan_consume, bench_chans_close,
			      result);
	bench_chans_free(&c);
	return err;
}

static int bench_gochan_echo(void *ctx, unsigned long ops)
{
	struct bench_chans *c = ctx;
	bool ok;
	int err;
	u64 val;

	while (ops--) {
		err = gochan_recv(c->to[0], &val, &ok);
		if (!err)
			err = gochan_send(c->back, &val);
		if (err)
			return err;
	}
	return 0;
}

/* To one channel after the other, for those who wait for all of them. */
static int bench_gochan_ask(void *ctx, unsigned long ops)
{
	struct bench_chans *c = ctx;
	unsigned int at = 0;
	u64 i, val;
	bool ok;
	int err;

	for (i = 0; i < ops; i++) {
		err = gochan_send(c->to[at], &i);
		if (!err)
			err = gochan_recv(c->back, &val, &ok);
		if (err)
			return err;
		if (!ok || val != i)
			return -EIO;
		at = at + 1 < c->n ? at + 1 : 0;
	}
	return 0;
}

static int bench_gochan_trips(int (*answer)(void *ctx, unsigned long ops),
			      unsigned int n, unsigned long ops, u64 *result)
{
	struct bench_chans c;
	struct bench_peer p = {
		.work = answer,
		.ctx = &c,
		.ops = ops,
	};
	int err;

	err = bench_chans_alloc(&c, n, 0);
	if (err)
		return err;
	err = bench_time_pair(&p, bench_gochan_ask, bench_chans_close, result);
	bench_chans_free(&c);
	return err;
}

static int bench_gochan_round_trip(size_t cap, unsigned long ops, u64 *result)
{
	return bench_gochan_trips(bench_gochan_echo, 1, ops, result);
}

static void bench_cases_init(struct goselect_case *cases,
			     const struct bench_chans *c, u64 *val)
{
	unsigned int i;

	for (i = 0; i < c->n; i++)
		cases[i] = GOSELECT_RECV(c->to[i], val);
}

static int bench_select_echo(void *ctx, unsigned long ops)
{
	struct goselect_case cases[BENCH_CHAN_MAX_CASES];
	struct bench_chans *c = ctx;
	int ret;
	u64 val;

	bench_cases_init(cases, c, &val);
	while (ops--) {
		ret = goselect(cases, c->n);
		if (ret >= 0)
			ret = gochan_send(c->back, &val);
		if (ret)
			return ret;
	}
	return 0;
}

static int bench_select_blocked(size_t n, unsigned long ops, u64 *result)
{
	return bench_gochan_trips(bench_select_echo, n, ops, result);
}

static int bench_select_loop(struct bench_chans *c, unsigned long ops)
{
	struct goselect_case cases[BENCH_CHAN_MAX_CASES];
	unsigned int at = 0;
	u64 i, val;
	int ret;

	bench_cases_init(cases, c, &val);
	for (i = 0; i < ops; i++) {
		ret = gochan_send(c->to[at], &i);
		if (!ret)
			ret = goselect(cases, c->n);
		if (ret < 0)
			return ret;
		if (ret != at || val != i)
			return -EIO;
		at = at + 1 < c->n ? at + 1 : 0;
	}
	return 0;
}

static int bench_send_select(size_t n, unsigned long ops, u64 *result)
{
	struct bench_chans c;
	u64 start;
	int err;

	err = bench_chans_alloc(&c, n, 1);
	if (err)
		return err;
	start = ktime_get_ns();
	err = bench_select_loop(&c, ops);
	*result = bench_per_op(start, ktime_get_ns(), ops);
	bench_chans_free(&c);
	return err;
}

/**
 * struct bench_exchange - one measurement
 * @name: suite and subject, as they appear in the results
 * @op: what is done
 * @n: see the top of the file
 * @run: do it so often, and tell thousandths of a nanosecond for each; 0 or a
 *	negative errno
 */
struct bench_exchange {
	const char *name;
	const char *op;
	size_t n;
	int (*run)(size_t n, unsigned long ops, u64 *result);
};

static const struct bench_exchange bench_exchanges[] = {
	{ "chan\tgochan", "send_recv", 8, bench_gochan_send_recv },
	{ "chan\tkfifo", "send_recv", 8, bench_fifo_send_recv },
	{ "chan\tptr_ring", "send_recv", 8, bench_ring_send_recv },
	{ "chan\tgochan", "send_recv", 64, bench_gochan_send_recv },
	{ "chan\tkfifo", "send_recv", 64, bench_fifo_send_recv },
	{ "chan\tgochan", "send_recv", 1024, bench_gochan_send_recv },
	{ "chan\tkfifo", "send_recv", 1024, bench_fifo_send_recv },
	/* A kfifo has room for two at least. */
	{ "chan\tgochan", "stream", 1, bench_gochan_stream },
	{ "chan\tgochan", "stream", 64, bench_gochan_stream },
	{ "chan\tkfifo", "stream", 64, bench_fifo_stream },
	{ "chan\tgochan", "stream", 1024, bench_gochan_stream },
	{ "chan\tkfifo", "stream", 1024, bench_fifo_stream },
	{ "chan\tgochan", "round_trip", 0, bench_gochan_round_trip },
	{ "chan\tcompletion", "round_trip", 0, bench_completion_round_trip },
	{ "chan\tgochan", "send_select", 2, bench_send_select },
	{ "chan\tgochan", "send_select", 8, bench_send_select },
	{ "chan\tgochan", "select_blocked", 2, bench_select_blocked },
	{ "chan\tgochan", "select_blocked", 8, bench_select_blocked },
};

#define BENCH_EXCHANGES		ARRAY_SIZE(bench_exchanges)

static u64 bench_chan_results[BENCH_EXCHANGES][BENCH_MAX_ROUNDS];

/* The results of the rehearsal are overwritten by those of the first round. */
static int bench_chan_round(unsigned int round, unsigned long ops)
{
	const struct bench_exchange *e;
	size_t i, j;
	int err;

	for (i = 0; i < BENCH_EXCHANGES; i++) {
		j = (i + round) % BENCH_EXCHANGES;
		e = &bench_exchanges[j];
		err = e->run(e->n, ops,
			     &bench_chan_results[j][max(round, 1U) - 1]);
		if (err) {
			pr_err("%s failed with %d in %s of %zu\n", e->name, err,
			       e->op, e->n);
			return err;
		}
		cond_resched();
	}
	return 0;
}

/**
 * bench_chans - measure channels
 * @ops: operations of each kind in a round
 * @rounds: rounds that count
 *
 * Return: 0, -ENOMEM, -EINTR or -ERESTARTSYS if the caller is being killed, or
 * -EIO if messages were wrong.
 */
int bench_chans(unsigned long ops, unsigned int rounds)
{
	unsigned int round;
	size_t i;
	int err = 0;

	for (round = 0; !err && round <= rounds; round++)
		err = bench_chan_round(round, ops);
	for (i = 0; !err && i < BENCH_EXCHANGES; i++)
		bench_print(bench_exchanges[i].name, bench_exchanges[i].n,
			    bench_exchanges[i].op,
			    bench_median(bench_chan_results[i]));
	return err;
}
