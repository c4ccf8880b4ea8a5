// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a driver has in place of a channel: a kfifo under a spinlock with wait
 * queues, a ptr_ring, and a pair of completions.
 */

#include <linux/completion.h>
#include <linux/kfifo.h>
#include <linux/ptr_ring.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "bench_chan.h"

/*
 * A kfifo. As with a channel, an interrupt may fill or empty it. Sleepers test
 * under the lock whether they have to, so whoever holds it sees all of them, and
 * needs no barrier before waitqueue_active().
 */

/**
 * struct bench_fifo - a queue as a driver has it
 * @lock: protects the queue
 * @size: bytes of a message
 * @words: the queue if a message is a word
 * @bytes: and if it is longer
 * @readers: wait for a message
 * @writers: wait for room
 */
struct bench_fifo {
	spinlock_t lock;	/* see above */
	size_t size;
	union {
		DECLARE_KFIFO_PTR(words, u64);
		struct kfifo bytes;
	};
	wait_queue_head_t readers;
	wait_queue_head_t writers;
};

static int bench_fifo_init(struct bench_fifo *f, size_t size, size_t cap)
{
	spin_lock_init(&f->lock);
	init_waitqueue_head(&f->readers);
	init_waitqueue_head(&f->writers);
	f->size = size;
	if (size == sizeof(u64))
		return kfifo_alloc(&f->words, cap, GFP_KERNEL);
	return kfifo_alloc(&f->bytes, size * cap, GFP_KERNEL);
}

static void bench_fifo_free(struct bench_fifo *f)
{
	if (f->size == sizeof(u64))
		kfifo_free(&f->words);
	else
		kfifo_free(&f->bytes);
}

static __always_inline bool bench_fifo_put(struct bench_fifo *f,
					   const u64 *msg, size_t size)
{
	if (size == sizeof(u64))
		return kfifo_put(&f->words, *msg);
	return kfifo_avail(&f->bytes) >= size &&
	       kfifo_in(&f->bytes, (const u8 *)msg, size);
}

static __always_inline bool bench_fifo_get(struct bench_fifo *f, u64 *msg,
					   size_t size)
{
	if (size == sizeof(u64))
		return kfifo_get(&f->words, msg);
	return kfifo_out(&f->bytes, (u8 *)msg, size);
}

static __always_inline void bench_fifo_send(struct bench_fifo *f,
					    const u64 *msg, size_t size)
{
	unsigned long flags;

	spin_lock_irqsave(&f->lock, flags);
	wait_event_lock_irq(f->writers, bench_fifo_put(f, msg, size), f->lock);
	/* No barrier: sleepers test under the lock. */
	if (waitqueue_active(&f->readers))
		wake_up(&f->readers);
	spin_unlock_irqrestore(&f->lock, flags);
}

static __always_inline void bench_fifo_recv(struct bench_fifo *f, u64 *msg,
					    size_t size)
{
	unsigned long flags;

	spin_lock_irqsave(&f->lock, flags);
	wait_event_lock_irq(f->readers, bench_fifo_get(f, msg, size), f->lock);
	/* As above. */
	if (waitqueue_active(&f->writers))
		wake_up(&f->writers);
	spin_unlock_irqrestore(&f->lock, flags);
}

/*
 * As functions of their own, since a channel's are: whoever fills a driver's
 * queue is not in one loop with whoever empties it. Its size is a constant.
 */
static noinline void bench_fifo_send_word(struct bench_fifo *f, const u64 *msg)
{
	bench_fifo_send(f, msg, sizeof(u64));
}

static noinline void bench_fifo_recv_word(struct bench_fifo *f, u64 *msg)
{
	bench_fifo_recv(f, msg, sizeof(u64));
}

static noinline void bench_fifo_send_bytes(struct bench_fifo *f, const u64 *msg)
{
	bench_fifo_send(f, msg, f->size);
}

static noinline void bench_fifo_recv_bytes(struct bench_fifo *f, u64 *msg)
{
	bench_fifo_recv(f, msg, f->size);
}

static int bench_fifo_word_loop(struct bench_fifo *f, unsigned long ops)
{
	unsigned long i;

	for (i = 0; i < ops; i++) {
		bench_sent[0] = i;
		bench_fifo_send_word(f, bench_sent);
		bench_fifo_recv_word(f, bench_received);
		if (bench_received[0] != i)
			return -EIO;
	}
	return 0;
}

static int bench_fifo_bytes_loop(struct bench_fifo *f, unsigned long ops)
{
	unsigned long i;

	for (i = 0; i < ops; i++) {
		bench_sent[0] = i;
		bench_fifo_send_bytes(f, bench_sent);
		bench_fifo_recv_bytes(f, bench_received);
		if (bench_received[0] != i)
			return -EIO;
	}
	return 0;
}

int bench_fifo_send_recv(size_t size, unsigned long ops, u64 *result)
{
	struct bench_fifo f;
	u64 start;
	int err;

	err = bench_fifo_init(&f, size, BENCH_CHAN_CAP);
	if (err)
		return err;
	start = ktime_get_ns();
	if (size == sizeof(u64))
		err = bench_fifo_word_loop(&f, ops);
	else
		err = bench_fifo_bytes_loop(&f, ops);
	*result = bench_per_op(start, ktime_get_ns(), ops);
	bench_fifo_free(&f);
	return err;
}

static int bench_fifo_produce(void *ctx, unsigned long ops)
{
	u64 i;

	for (i = 0; i < ops; i++)
		bench_fifo_send_word(ctx, &i);
	return 0;
}

/* All are taken, or the other thread would wait for ever. */
static int bench_fifo_consume(void *ctx, unsigned long ops)
{
	u64 i, val, wrong = 0;

	for (i = 0; i < ops; i++) {
		bench_fifo_recv_word(ctx, &val);
		wrong += val != i;
	}
	return wrong ? -EIO : 0;
}

int bench_fifo_stream(size_t cap, unsigned long ops, u64 *result)
{
	struct bench_fifo f;
	struct bench_peer p = {
		.work = bench_fifo_produce,
		.ctx = &f,
		.ops = ops,
	};
	int err;

	err = bench_fifo_init(&f, sizeof(u64), cap);
	if (err)
		return err;
	err = bench_time_pair(&p, bench_fifo_consume, NULL, result);
	bench_fifo_free(&f);
	return err;
}

/*
 * A ptr_ring: pointers only, no sleepers, and no interrupts.
 */

static int bench_ring_loop(struct ptr_ring *r, unsigned long ops)
{
	unsigned long i;
	void *p;

	for (i = 0; i < ops; i++) {
		p = &bench_sent[i % BENCH_MSG_WORDS];
		if (ptr_ring_produce(r, p) || ptr_ring_consume(r) != p)
			return -EIO;
	}
	return 0;
}

int bench_ring_send_recv(size_t size, unsigned long ops, u64 *result)
{
	struct ptr_ring r;
	u64 start;
	int err;

	err = ptr_ring_init(&r, BENCH_CHAN_CAP, GFP_KERNEL);
	if (err)
		return err;
	start = ktime_get_ns();
	err = bench_ring_loop(&r, ops);
	*result = bench_per_op(start, ktime_get_ns(), ops);
	ptr_ring_cleanup(&r, NULL);
	return err;
}

/*
 * Completions: a round trip without a message.
 */

struct bench_completions {
	struct completion to;
	struct completion back;
};

static int bench_completion_echo(void *ctx, unsigned long ops)
{
	struct bench_completions *c = ctx;

	while (ops--) {
		wait_for_completion(&c->to);
		complete(&c->back);
	}
	return 0;
}

static int bench_completion_ask(void *ctx, unsigned long ops)
{
	struct bench_completions *c = ctx;

	while (ops--) {
		complete(&c->to);
		wait_for_completion(&c->back);
	}
	return 0;
}

int bench_completion_round_trip(size_t cap, unsigned long ops, u64 *result)
{
	struct bench_completions c;
	struct bench_peer p = {
		.work = bench_completion_echo,
		.ctx = &c,
		.ops = ops,
	};

	init_completion(&c.to);
	init_completion(&c.back);
	return bench_time_pair(&p, bench_completion_ask, NULL, result);
}
