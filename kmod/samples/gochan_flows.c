// SPDX-License-Identifier: GPL-2.0-only
/*
 * A sample that uses all four parts together: a small flow table, as a traffic
 * monitor has it. One thread makes up packets and sends them to a channel. A
 * worker waits in a select for packets, for the ticks of a timer, and for the
 * end. It counts the packets of each flow in a map; what has been idle for a
 * while it moves from there to a slice of records. When the packets have come to
 * their end and the last flow has expired, or at unload, it sums up: in the
 * kernel log, and in gochan_flows in debugfs, which before that tells how far
 * things are.
 *
 * No packet is forgotten: those sent are those of live flows, of expired ones,
 * and those lost because the table was full or memory short. What a flow adds up
 * to follows from the seed, whenever it expired.
 *
 * Lifetime: there is one struct flows, and it lives as long as the module. At
 * unload the source goes first, then the worker; what is still in the channel is
 * counted after that, so that the sums are exact at any moment.
 *
 * Locks: none. The map has its own. Records and sums belong to the worker, or to
 * who has joined it, until @done is set, and do not change after that.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/gochan.h>
#include <linux/gomap.h>
#include <linux/goselect.h>
#include <linux/gotimer.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched/task.h>
#include <linux/seq_file.h>

#include "../compat.h"
#include "gochan_flows.h"

/* Enough that neither thread waits for each packet of the other. */
#define FLOWS_BACKLOG	256

/* One for each source port; and sorting them all takes milliseconds. */
#define FLOWS_MAX	65536

/* An hour, in milliseconds. */
#define FLOWS_MAX_IDLE	3600000

/* Flows named in the report. */
#define FLOWS_TOP	10

static unsigned int nr_packets = 100000;
module_param_named(packets, nr_packets, uint, 0444);
MODULE_PARM_DESC(packets, "packets to make up, 0: until unloaded (default 100000)");

static unsigned int nr_flows = 1000;
module_param_named(flows, nr_flows, uint, 0444);
MODULE_PARM_DESC(flows, "different flows, up to 65536 (default 1000)");

static unsigned int max_live = FLOWS_MAX;
module_param(max_live, uint, 0444);
MODULE_PARM_DESC(max_live, "flows in the table at once (default 65536)");

static unsigned int idle_ms = 1000;
module_param(idle_ms, uint, 0444);
MODULE_PARM_DESC(idle_ms, "milliseconds after which a flow expires (default 1000)");

static unsigned int seed = 1;
module_param(seed, uint, 0444);
MODULE_PARM_DESC(seed, "where the packets come from (default 1)");

struct flow_sum {
	unsigned long flows;
	u64 packets;
	u64 bytes;
};

/* Who sends packets chooses the keys, so the hash has to be a strong one. */
DEFINE_GOMAP(flow, struct flow_key, struct flow_count, GOMAP_SIPHASH);

/**
 * struct flows - everything
 * @table: the live flows
 * @packets: from the source to the worker; closed by the source
 * @stop: closed to end the worker
 * @ticker: when to look for idle flows
 * @source: the thread that makes up packets
 * @worker: the thread that counts them
 * @file: in debugfs
 * @sent: written by the source
 * @lost: packets not counted; this and the rest is written by the worker
 * @records: what has expired, with room for all that is live; in the end one
 *	record for each flow
 * @expired: sums of what has expired
 * @live: sums of what was live in the end
 * @done: the end was reached
 */
static struct flows {
	struct flow_map table;
	struct gochan *packets;
	struct gochan *stop;
	struct gotimer *ticker;
	struct task_struct *source;
	struct task_struct *worker;
	struct dentry *file;
	unsigned long sent;
	unsigned long lost;
	struct record_slice records;
	struct flow_sum expired;
	struct flow_sum live;
	bool done;
} flows;

static int flows_source(void *arg)
{
	struct flows *f = arg;
	struct rnd_state rnd;
	struct packet p;

	prandom_seed_state(&rnd, seed);
	while (!kthread_should_stop() && (!nr_packets || f->sent < nr_packets)) {
		packet_make(&p, &rnd, nr_flows);
		/*
		 * Sleeps while the channel is full: the worker sets the pace.
		 * kthread_stop() interrupts that like a signal.
		 */
		if (gochan_send(f->packets, &p))
			break;
		WRITE_ONCE(f->sent, f->sent + 1);
		cond_resched();
	}
	/* Who receives the end sees the last value of @sent, too. */
	gochan_close(f->packets);
	return 0;
}

/*
 * Room for the record of one more flow, before the flow begins: so its end
 * cannot fail. Merging at least halves the slice, and so bounds it.
 */
static int flows_make_room(struct flows *f)
{
	if (goslice_len(&f->records) >= 2 * nr_flows)
		records_merge(&f->records);
	return goslice_grow(&f->records, flow_len(&f->table) + 1, GFP_KERNEL);
}

/*
 * Only the worker changes the table, so nobody comes between get and put. With
 * several workers this would be a loop around flow_cas().
 */
static void flows_count(struct flows *f, const struct packet *p)
{
	struct flow_count c;
	int err = 0;

	/* Of a flow that is not there the count is zero, as in Go. */
	if (!flow_get(&f->table, p->key, &c)) {
		err = flows_make_room(f);
		c.first = p->time;
	}
	c.last = p->time;
	c.packets++;
	c.bytes += p->len;
	/* -ENOMEM, or -E2BIG: the table has its bound, whatever arrives. */
	if (err || flow_put(&f->table, p->key, c, GOMAP_ANY, GFP_KERNEL))
		WRITE_ONCE(f->lost, f->lost + 1);
}

/*
 * Flows without a packet since @limit become records. The iterator does not
 * mind that entries go. A table for real traffic would keep its flows in the
 * order of their last packets instead of looking at all of them.
 */
static void flows_expire(struct flows *f, ktime_t limit, struct flow_sum *sum)
{
	struct flow_record r;
	struct gomap_iter it;

	gomap_iter_init(&it, &f->table.map);
	while (flow_iter_next(&it, &r.key, &r.count)) {
		cond_resched();
		if (ktime_after(r.count.last, limit))
			continue;
		WARN_ON_ONCE(goslice_append(&f->records, r, GFP_KERNEL));
		flow_delete(&f->table, r.key);
		WRITE_ONCE(sum->flows, sum->flows + 1);
		sum->packets += r.count.packets;
		sum->bytes += r.count.bytes;
	}
	gomap_iter_end(&it);
}

static void flows_finish(struct flows *f)
{
	flows_expire(f, KTIME_MAX, &f->live);
	records_merge(&f->records);
	records_sort(&f->records, records_by_packets);
	pr_info("%lu packets: %llu in %lu live flows, %llu in %lu expired ones, %lu lost\n",
		f->sent, f->live.packets, f->live.flows, f->expired.packets,
		f->expired.flows, f->lost);
	/* Pairs with the acquire in flows_show(). */
	smp_store_release(&f->done, true);
}

/*
 * Of several cases that are ready a select takes a random one: however fast the
 * packets arrive, ticks and the stop are seen soon.
 */
static int flows_worker(void *arg)
{
	enum { PACKET, TICK, STOP };
	const ktime_t idle = ms_to_ktime(idle_ms);
	struct flows *f = arg;
	struct packet p;
	ktime_t now;
	struct goselect_case cases[] = {
		[PACKET] = GOSELECT_RECV(f->packets, &p),
		[TICK] = GOSELECT_RECV(gotimer_chan(f->ticker), &now),
		[STOP] = GOSELECT_RECV(f->stop, NULL),
	};

	while (cases[PACKET].ch || flow_len(&f->table)) {
		switch (goselect(cases, ARRAY_SIZE(cases))) {
		case PACKET:
			if (cases[PACKET].ok)
				flows_count(f, &p);
			else	/* From here on this case is never ready. */
				cases[PACKET].ch = NULL;
			break;
		case TICK:
			flows_expire(f, ktime_sub(now, idle), &f->expired);
			break;
		case STOP:
			return 0;
		default:
			WARN_ON_ONCE(true);
		}
		cond_resched();
	}
	flows_finish(f);
	return 0;
}

static void flows_show_sum(struct seq_file *m, const char *name,
			   const struct flow_sum *sum)
{
	seq_printf(m, "%s_flows %lu\n", name, sum->flows);
	seq_printf(m, "%s_packets %llu\n", name, sum->packets);
	seq_printf(m, "%s_bytes %llu\n", name, sum->bytes);
}

static void flows_show_top(struct seq_file *m, const struct flows *f)
{
	size_t n = min_t(size_t, goslice_len(&f->records), FLOWS_TOP);
	struct record_slice top;
	struct flow_record *r;

	/* A slice of a slice: nothing is copied but its bounds. */
	if (WARN_ON_ONCE(goslice_slice(&top, &f->records, 0, n)))
		return;
	goslice_for_each(r, &top)
		seq_printf(m, "top %pI4:%u > %pI4:%u proto %u: %llu packets, %llu bytes\n",
			   &r->key.saddr, ntohs(r->key.sport), &r->key.daddr,
			   ntohs(r->key.dport), r->key.proto,
			   r->count.packets, r->count.bytes);
	goslice_put(&top);
}

static int flows_show(struct seq_file *m, void *unused)
{
	struct flows *f = m->private;
	/* Pairs with the release in flows_finish(). */
	bool done = smp_load_acquire(&f->done);

	seq_printf(m, "state %s\n", done ? "done" : "running");
	seq_printf(m, "sent %lu\n", READ_ONCE(f->sent));
	seq_printf(m, "lost %lu\n", READ_ONCE(f->lost));
	if (done) {
		flows_show_sum(m, "live", &f->live);
		flows_show_sum(m, "expired", &f->expired);
		seq_printf(m, "flows %zu\n", goslice_len(&f->records));
		flows_show_top(m, f);
	} else {
		seq_printf(m, "live_flows %zu\n", flow_len(&f->table));
		seq_printf(m, "expired_flows %lu\n",
			   READ_ONCE(f->expired.flows));
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(flows);

/* A map that no packets can fill: it is bounded, unlike one of flow_init(). */
static int flows_make(struct flows *f)
{
	const struct gomap_params params = {
		.key_size = sizeof(struct flow_key),
		.val_size = sizeof(struct flow_count),
		.flags = GOMAP_SIPHASH,
		.max_entries = max_live,
	};

	f->packets = gochan_alloc(sizeof(struct packet), FLOWS_BACKLOG,
				  GFP_KERNEL);
	if (IS_ERR(f->packets))
		return PTR_ERR(f->packets);
	f->stop = gochan_alloc(0, 0, GFP_KERNEL);
	if (IS_ERR(f->stop))
		goto no_stop;
	f->ticker = gotimer_alloc(GFP_KERNEL);
	if (IS_ERR(f->ticker))
		goto no_ticker;
	if (!gomap_init(&f->table.map, &params, 0, GFP_KERNEL))
		return 0;
	gotimer_free(f->ticker);
no_ticker:
	gochan_put(f->stop);
no_stop:
	gochan_put(f->packets);
	return -ENOMEM;
}

static void flows_free(struct flows *f)
{
	goslice_put(&f->records);
	flow_destroy(&f->table);
	gotimer_free(f->ticker);
	gochan_put(f->stop);
	gochan_put(f->packets);
}

/* A thread that ends by itself must leave its task for kthread_stop(). */
static struct task_struct *flows_thread(int (*fn)(void *), const char *name)
{
	struct task_struct *task = kthread_create(fn, &flows, "%s", name);

	return IS_ERR(task) ? task : get_task_struct(task);
}

static void flows_join(struct task_struct *task)
{
	kthread_stop(task);
	put_task_struct(task);
}

static int flows_start(struct flows *f)
{
	f->worker = flows_thread(flows_worker, "flows_worker");
	if (IS_ERR(f->worker))
		return PTR_ERR(f->worker);
	f->source = flows_thread(flows_source, "flows_source");
	if (IS_ERR(f->source)) {
		flows_join(f->worker);
		return PTR_ERR(f->source);
	}
	WARN_ON_ONCE(gotimer_tick(f->ticker, ms_to_ktime(idle_ms) / 4) < 0);
	wake_up_process(f->worker);
	wake_up_process(f->source);
	return 0;
}

static int __init flows_init(void)
{
	struct flows *f = &flows;
	int err;

	if (!nr_flows || nr_flows > FLOWS_MAX || !max_live ||
	    !idle_ms || idle_ms > FLOWS_MAX_IDLE)
		return -EINVAL;
	err = flows_make(f);
	if (err)
		return err;
	err = flows_start(f);
	if (err) {
		flows_free(f);
		return err;
	}
	f->file = debugfs_create_file("gochan_flows", 0400, NULL, f,
				      &flows_fops);
	return 0;
}
module_init(flows_init);

/*
 * What the worker has not received, all of it if it never ran; both threads have
 * ended, and the channel is closed, so nothing sleeps here.
 */
static void flows_drain(struct flows *f)
{
	struct packet p;
	bool ok;

	while (!gochan_recv(f->packets, &p, &ok) && ok)
		flows_count(f, &p);
}

static void __exit flows_exit(void)
{
	struct flows *f = &flows;

	debugfs_remove(f->file);
	flows_join(f->source);
	/* One that was stopped before it ran has not closed its channel. */
	gochan_close(f->packets);
	gochan_close(f->stop);
	flows_join(f->worker);
	if (!f->done) {
		flows_drain(f);
		flows_finish(f);
	}
	flows_free(f);
}
module_exit(flows_exit);

MODULE_DESCRIPTION("Sample: a flow table of channels, select, a map and slices");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(GOCHAN_NS);
