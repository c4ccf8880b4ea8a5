// SPDX-License-Identifier: GPL-2.0-only
/*
 * Maps: memory, and who pays for it.
 *
 * A map may have a payer, which is charged for each piece of memory before that
 * is allocated, and uncharged when it has been freed. What lookups may still
 * read is freed by RCU, perhaps after the map: a piece that is paid for has in
 * front of it what that takes, struct gomap_paid.
 *
 * Layout, lifetime and locks: map_internal.h.
 */

#include <linux/export.h>
#include <linux/workqueue.h>

#include "map_internal.h"
#include "mem.h"

/* Bytes in front of what is asked for. */
static size_t gomap_mem_head(const struct gomap *m)
{
	return m->payer ? sizeof(struct gomap_paid) : 0;
}

static struct gomap_paid *gomap_mem_paid(void *mem)
{
	return mem - sizeof(struct gomap_paid);
}

/*
 * Maps that are paid for take little more than they need; others go for the
 * fastest memory, and allocate with more flags than vmalloc() may get.
 */
static void *gomap_mem_get(const struct gomap *m, size_t size, gfp_t gfp)
{
	if (m->payer)
		return gochan_mem_alloc(size, gfp);
	if (gfpflags_allow_blocking(gfp))
		return kvmalloc(size, gfp);
	return kmalloc(size, gfp | __GFP_NOWARN);
}

static size_t gomap_mem_rounded(const struct gomap *m, size_t size, gfp_t gfp)
{
	if (m->payer)
		return gochan_mem_bytes(size, gfp);
	return size > KMALLOC_MAX_SIZE ? PAGE_ALIGN(size) :
					 kmalloc_size_roundup(size);
}

/**
 * gomap_mem_bytes - what memory of a map takes
 * @m: the map
 * @size: as for gomap_mem_alloc()
 *
 * Context: Any context.
 * Return: the number of bytes, as it was allocated by a caller that may block.
 */
size_t gomap_mem_bytes(const struct gomap *m, size_t size)
{
	return gomap_mem_rounded(m, gomap_mem_head(m) + size, GFP_KERNEL);
}

/* The same for a second piece, which has nothing in front of it. */
size_t gomap_mem_bytes_apart(const struct gomap *m, size_t size)
{
	return gomap_mem_rounded(m, size, GFP_KERNEL);
}

static void *gomap_mem_get_two(const struct gomap *m, size_t size,
			       void **apart, size_t apart_size, gfp_t gfp)
{
	void *mem = gomap_mem_get(m, size, gfp);

	if (!mem || !apart_size)
		return mem;
	*apart = gomap_mem_get(m, apart_size, gfp);
	if (*apart)
		return mem;
	kvfree(mem);
	return NULL;
}

/**
 * gomap_mem_alloc_two - allocate memory in two pieces, and have it paid for
 * @m: the map
 * @size: bytes of the first piece
 * @apart: set to the second one
 * @apart_size: bytes of that, or 0 if there is none
 * @gfp: how to allocate, as the caller of the map's function has it
 *
 * Context: As @gfp says. No lock is held.
 * Return: the first piece, or ERR_PTR(-ENOMEM) or what the payer says.
 */
void *gomap_mem_alloc_two(const struct gomap *m, size_t size, void **apart,
			  size_t apart_size, gfp_t gfp)
{
	size_t head = gomap_mem_head(m), bytes = 0;
	struct gomap_paid *paid;
	int err;

	if (m->payer) {
		bytes = gochan_mem_bytes(head + size, gfp);
		if (apart_size)
			bytes += gochan_mem_bytes(apart_size, gfp);
		err = m->payer->charge(m->payer, bytes, gfp);
		if (err)
			return ERR_PTR(err);
	}
	gfp |= m->gfp;
	/* It may not fail at all: gomap_clear(). */
	if (gfp & __GFP_NOFAIL)
		gfp &= ~__GFP_RETRY_MAYFAIL;
	paid = gomap_mem_get_two(m, head + size, apart, apart_size, gfp);
	if (!paid) {
		if (m->payer)
			m->payer->uncharge(m->payer, bytes, false);
		return ERR_PTR(-ENOMEM);
	}
	if (m->payer)
		*paid = (struct gomap_paid) {
			.payer = m->payer,
			.bytes = bytes,
			.apart = apart_size ? *apart : NULL,
		};
	return (void *)paid + head;
}

/**
 * gomap_mem_alloc - allocate memory, and have it paid for
 * @m: the map
 * @size: bytes
 * @gfp: how to allocate, as the caller of the map's function has it
 *
 * Context: As @gfp says. No lock is held.
 * Return: the memory, or ERR_PTR(-ENOMEM) or what the payer says.
 */
void *gomap_mem_alloc(const struct gomap *m, size_t size, gfp_t gfp)
{
	return gomap_mem_alloc_two(m, size, NULL, 0, gfp);
}

static void gomap_paid_release(struct gomap_paid *paid, bool retired)
{
	struct gomap_payer *payer = paid->payer;
	size_t bytes = paid->bytes;

	kvfree(paid->apart);
	kvfree(paid);
	payer->uncharge(payer, bytes, retired);
}

/**
 * gomap_paid_free - free memory of a map with a payer, which nobody reads
 * @mem: the memory
 *
 * Context: Process context. May sleep.
 */
void gomap_paid_free(void *mem)
{
	gomap_paid_release(gomap_mem_paid(mem), false);
}

/**
 * gomap_mem_free - free memory that is in one piece, and which nobody reads
 * @m: the map
 * @mem: the memory
 *
 * Context: Process context. May sleep.
 */
void gomap_mem_free(const struct gomap *m, void *mem)
{
	if (m->payer)
		gomap_paid_free(mem);
	else
		kvfree(mem);
}

/* Memory of vmalloc(), which an RCU callback could not free at once. */
static LLIST_HEAD(gomap_dead);

static void gomap_reap(struct work_struct *work)
{
	struct gomap_paid *paid, *next;

	llist_for_each_entry_safe(paid, next, llist_del_all(&gomap_dead),
				  node) {
		gomap_paid_release(paid, true);
		cond_resched();
	}
}

static DECLARE_WORK(gomap_reap_work, gomap_reap);

static void gomap_paid_callback(struct rcu_head *rcu)
{
	struct gomap_paid *paid = container_of(rcu, struct gomap_paid, rcu);

	if (!is_vmalloc_addr(paid) && !is_vmalloc_addr(paid->apart))
		gomap_paid_release(paid, true);
	else if (llist_add(&paid->node, &gomap_dead))
		queue_work(system_dfl_wq, &gomap_reap_work);
}

/**
 * gomap_paid_free_rcu - free memory of a map with a payer after a grace period
 * @mem: the memory
 *
 * Not kvfree_rcu(): that has no callback, and takes its time. Nor may RCU take
 * its time to save power, as somebody may be waiting for the memory.
 *
 * Context: Any but NMI.
 */
void gomap_paid_free_rcu(void *mem)
{
	struct gomap_paid *paid = gomap_mem_paid(mem);

	paid->payer->retire(paid->payer, paid->bytes);
	call_rcu_hurry(&paid->rcu, gomap_paid_callback);
}

/**
 * gomap_free_barrier - wait until what maps with payers gave up is freed
 *
 * Then nothing is charged any more for maps that were destroyed before the
 * call, nor for values and tables that were replaced.
 *
 * Context: Process context. Sleeps for a grace period.
 */
void gomap_free_barrier(void)
{
	rcu_barrier();
	flush_work(&gomap_reap_work);
}
EXPORT_SYMBOL_NS_GPL(gomap_free_barrier, GOCHAN_NS);
