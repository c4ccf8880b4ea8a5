// SPDX-License-Identifier: GPL-2.0-only
/*
 * Select: files among the cases.
 *
 * A file tells by its poll operation what is ready, and wakes the entries of
 * its wait queues when that may have changed. A select adds an entry (struct
 * goselect_watch) to each of them, whose wake function tries to claim the
 * sleeper as a peer on a channel does, so exactly one case wins.
 *
 * Order
 *	1. Watch the files, and ask them. No channel is locked: a poll operation
 *	   may sleep. The sleeper counts as claimed already, so a wake-up only
 *	   leaves a mark in its watch.
 *	2. Lock the channels and judge all cases. If none is ready, queue the
 *	   records, and only then, still under the locks, open the sleeper to
 *	   claims: a peer never meets a record that is not to be had yet.
 *	3. Look for marks. One that was made before the sleeper was open is the
 *	   winner, if nobody else has been quicker. The mark and the state of the
 *	   sleeper are each written before the other is read, with full barriers
 *	   in between: a wake-up either wins the claim, or is seen here.
 *	4. Sleep; take back records and watches.
 *
 * A wake-up is a hint: many say nothing of what has happened, and an event may
 * be gone again. So the file that won is asked once more, and if there is
 * nothing the select begins anew, at the end of each channel's queue. Several
 * cases may wait in one queue, for one file usually. A wake-up reaches all their
 * watches, beginning with the one added last, which says nothing about the
 * caller's wishes: all these cases are asked, and one that is ready is chosen.
 *
 * The select may be what a file waits for: an epoll that watches a rendezvous
 * channel is woken by a record of ours in that channel's queue. Such a wake-up,
 * which comes while records are being queued, does not count.
 *
 * Why the watches are safe: remove_wait_queue() takes the queue's lock, under
 * which wake functions run. The file, which the caller holds, keeps its queues,
 * as for poll(2), which waits in the same way.
 */

#include <linux/bits.h>
#include <linux/file.h>
#include <linux/list.h>
#include <linux/poll.h>
#include <linux/slab.h>

#include "select.h"

/**
 * struct goselect_watch - a select in a wait queue of a file
 * @wqe: the entry
 * @head: the queue
 * @link: goselect_files.watches
 * @files: the select's
 * @index: of the case
 * @events: those waited for
 * @woken: a wake-up has come
 */
struct goselect_watch {
	struct wait_queue_entry wqe;
	struct wait_queue_head *head;
	struct list_head link;
	struct goselect_files *files;
	u8 index;
	__poll_t events;
	bool woken;
};

/**
 * struct goselect_files - the files of a select that is about to sleep
 * @pt: how a poll operation tells its queues
 * @watches: those added
 * @sleeper: the select's
 * @index: the case whose file is being asked
 * @events: its events
 * @parking: the select's task is queueing records, with interrupts off
 * @err: -ENOMEM if there was no memory for a watch
 */
struct goselect_files {
	struct poll_table_struct pt;
	struct list_head watches;
	struct gochan_sleeper *sleeper;
	u8 index;
	__poll_t events;
	bool parking;
	int err;
};

static __poll_t goselect_events(const struct goselect_case *c)
{
	return c->events | EPOLLERR | EPOLLHUP;
}

/* Is it a file that can be waited for? */
int goselect_check_poll(const struct goselect_case *c)
{
	return file_can_poll(c->file) ? 0 : -EINVAL;
}

/* The file has woken its watchers; its queue's lock is held. */
static int goselect_woken(struct wait_queue_entry *wqe, unsigned int mode,
			  int sync, void *key)
{
	struct goselect_watch *watch =
		container_of(wqe, struct goselect_watch, wqe);
	struct gochan_sleeper *s = watch->files->sleeper;

	/* No key: it may be anything. */
	if (key && !(key_to_poll(key) & watch->events))
		return 0;
	/* Only the task itself runs where it has set this. */
	if (current == s->task && watch->files->parking)
		return 0;
	WRITE_ONCE(watch->woken, true);
	/* Pairs with smp_mb() in goselect_open(). Test: select-open.litmus. */
	smp_mb();
	if (gochan_sleeper_claim(s)) {
		gochan_withdraw(s);
		gochan_sleeper_done(s, watch);
	}
	return 0;
}

/* Called by a poll operation for each of its queues. */
static void goselect_watch_queue(struct file *file, struct wait_queue_head *head,
				 struct poll_table_struct *pt)
{
	struct goselect_files *files =
		container_of(pt, struct goselect_files, pt);
	struct goselect_watch *watch = kzalloc(sizeof(*watch),
					       GFP_KERNEL_ACCOUNT);

	if (!watch) {
		files->err = -ENOMEM;
		return;
	}
	init_waitqueue_func_entry(&watch->wqe, goselect_woken);
	watch->head = head;
	watch->files = files;
	watch->index = files->index;
	watch->events = files->events;
	list_add_tail(&watch->link, &files->watches);
	add_wait_queue(head, &watch->wqe);
}

/* Ask all files, and with @files, watch them. */
static int goselect_ask(struct goselect *sel, struct goselect_files *files)
{
	unsigned int i;

	for (i = 0; i < sel->n; i++) {
		struct goselect_case *c = &sel->cases[i];

		if (c->dir != GOSELECT_DIR_POLL || !c->file)
			continue;
		if (files) {
			files->index = i;
			files->events = goselect_events(c);
			files->pt._key = files->events;
		}
		c->ready = vfs_poll(c->file, files ? &files->pt : NULL) &
			   goselect_events(c);
	}
	return files ? files->err : 0;
}

static void goselect_unwatch(struct goselect_files *files)
{
	struct goselect_watch *watch, *next;

	list_for_each_entry_safe(watch, next, &files->watches, link) {
		remove_wait_queue(watch->head, &watch->wqe);
		kfree(watch);
	}
}

/*
 * Open the sleeper to claims. Return the watch that was woken before, if the
 * sleep is ours to end for it.
 */
static const struct goselect_watch *goselect_open(struct goselect_files *files)
{
	const struct goselect_watch *watch;

	atomic_set(&files->sleeper->state, GOCHAN_PARKED);
	/* Pairs with smp_mb() in goselect_woken(). Test: select-open.litmus. */
	smp_mb();
	list_for_each_entry(watch, &files->watches, link) {
		if (!READ_ONCE(watch->woken))
			continue;
		if (!gochan_sleeper_claim(files->sleeper))
			break;
		gochan_withdraw(files->sleeper);
		return watch;
	}
	return NULL;
}

static int goselect_lock_and_poll(struct goselect *sel)
{
	if (sel->nr_chans)
		goselect_lock(sel);
	return __goselect_poll(sel);
}

static void goselect_unlock_any(struct goselect *sel)
{
	if (sel->nr_chans)
		goselect_unlock(sel);
}

/*
 * Choose among the cases that wait in the queue which won, as each of its
 * watches would have been woken. Return -EAGAIN if nothing is ready after all.
 */
static int goselect_file_won(struct goselect *sel,
			     const struct goselect_files *files,
			     const struct goselect_watch *won)
{
	const struct goselect_watch *watch;
	u64 ready = 0;

	list_for_each_entry(watch, &files->watches, link) {
		struct goselect_case *c = &sel->cases[watch->index];

		if (watch->head != won->head)
			continue;
		c->ready = vfs_poll(c->file, NULL) & goselect_events(c);
		if (c->ready)
			ready |= BIT_ULL(watch->index);
	}
	if (!ready)
		return -EAGAIN;
	return goselect_report(sel, goselect_choose(sel, ready), 0);
}

static bool goselect_is_watch(const struct goselect_files *files,
			      const void *winner)
{
	const struct goselect_watch *watch;

	list_for_each_entry(watch, &files->watches, link)
		if (watch == winner)
			return true;
	return false;
}

/* Judge, and if no case is ready, sleep; @w is for the channels' records. */
static int goselect_sleep_files(struct goselect *sel,
				struct goselect_files *files,
				struct gochan_waiter *w,
				const struct gochan_wait *wait)
{
	struct gochan_sleeper *s = files->sleeper;
	const struct goselect_watch *watch;
	int err;

	err = goselect_lock_and_poll(sel);
	if (err != -EAGAIN) {
		goselect_unlock_any(sel);
		return err;
	}
	files->parking = sel->nr_chans;
	__goselect_park(sel, s, w);
	files->parking = false;
	watch = goselect_open(files);
	goselect_unlock_any(sel);

	err = watch ? 0 : gochan_sleep(s, wait);
	if (err)
		return err;
	if (!watch && goselect_is_watch(files, s->winner))
		watch = s->winner;
	if (watch)
		return goselect_file_won(sel, files, watch);
	return goselect_served(sel, w, s->winner);
}

/* Return -EAGAIN if it was a false alarm. */
static int goselect_block_files(struct goselect *sel, struct gochan_waiter *w,
				const struct gochan_wait *wait)
{
	struct gochan_sleeper s;
	struct goselect_files files = {
		.watches = LIST_HEAD_INIT(files.watches),
		.sleeper = &s,
	};
	int err;

	gochan_sleeper_init(&s, w, sel->nr_chans);
	/* Not to be had yet: see goselect_open(). */
	atomic_set(&s.state, GOCHAN_CLAIMED);
	init_poll_funcptr(&files.pt, goselect_watch_queue);
	err = goselect_ask(sel, &files);
	if (!err)
		err = goselect_sleep_files(sel, &files, w, wait);
	goselect_unwatch(&files);
	return err;
}

/**
 * goselect_wait_files - goselect_wait() for cases with files among them
 * @sel: the cases, checked and in order
 * @wait: how to wait, or NULL to fail instead of waiting
 *
 * Context: Process context. May sleep, also without @wait.
 * Return: as goselect_wait().
 */
int goselect_wait_files(struct goselect *sel, const struct gochan_wait *wait)
{
	struct gochan_waiter *w;
	int index;

	might_sleep();
	goselect_ask(sel, NULL);
	index = goselect_lock_and_poll(sel);
	goselect_unlock_any(sel);
	if (index != -EAGAIN || !wait)
		return index;
	/* Not NULL, but nothing to be used, if there is no channel. */
	w = kmalloc_array(sel->nr_chans, sizeof(*w), GOCHAN_GFP_USER);
	if (!w)
		return -ENOMEM;
	for (;;) {
		index = goselect_block_files(sel, w, wait);
		if (index != -EAGAIN)
			break;
		/* Files that cry wolf must not keep this from ending. */
		index = gochan_wait_over(wait);
		if (index)
			break;
		cond_resched();
	}
	kfree(w);
	return index;
}
