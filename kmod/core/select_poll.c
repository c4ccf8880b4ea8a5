// SPDX-License-Identifier: GPL-2.0-only
/*
 * Select: files among the cases.
 *
 * A file tells by its poll operation what is ready, and wakes the entries of
 * its wait queues when that may have changed. A select adds an entry (struct
 * goselect_watch) to each of them. The wake function only leaves a mark in the
 * sleeper and wakes its task: it runs in the context of the file, which may be a
 * hard interrupt, with the file's lock held. The task, which finds the mark when
 * it would sleep, ends its sleep as it does for a signal: it claims itself and
 * takes its records back, unless a peer was quicker.
 *
 * Order
 *	1. Watch the files, and ask them. No channel is locked: a poll operation
 *	   may sleep.
 *	2. Lock the channels and judge all cases. If none is ready, queue the
 *	   records.
 *	3. Sleep, unless there is a mark. The mark and the state of the task are
 *	   each written before the other is read, with full barriers in between:
 *	   a wake-up either finds the task asleep, or is seen here.
 *	4. Take back records and watches. After a mark, ask all files again and
 *	   judge all cases, as in the beginning.
 *
 * A wake-up is a hint: many say nothing of what has happened, and an event may
 * be gone again. If nothing is ready the select begins anew, at the end of each
 * channel's queue.
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
 * @events: those waited for
 */
struct goselect_watch {
	struct wait_queue_entry wqe;
	struct wait_queue_head *head;
	struct list_head link;
	struct goselect_files *files;
	__poll_t events;
};

/**
 * struct goselect_files - the files of a select that is about to sleep
 * @pt: how a poll operation tells its queues
 * @watches: those added
 * @sleeper: the select's
 * @events: those of the case whose file is being asked
 * @parking: the select's task is queueing records, with interrupts off
 * @err: -ENOMEM if there was no memory for a watch
 */
struct goselect_files {
	struct poll_table_struct pt;
	struct list_head watches;
	struct gochan_sleeper *sleeper;
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
	WRITE_ONCE(s->poked, true);
	/*
	 * The full barrier in there pairs with set_current_state() in
	 * gochan_sleep(). The task does not exit before it has taken back the
	 * watch, which takes the lock of this queue.
	 */
	wake_up_process(s->task);
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

/* Ask all files and judge all cases. Return as __goselect_poll(). */
static int goselect_judge_files(struct goselect *sel)
{
	int index;

	goselect_ask(sel, NULL);
	index = goselect_lock_and_poll(sel);
	goselect_unlock_any(sel);
	return index;
}

/*
 * Judge, and if no case is ready, sleep; @w is for the channels' records. Return
 * -EAGAIN if a file has woken the task.
 */
static int goselect_sleep_files(struct goselect *sel,
				struct goselect_files *files,
				struct gochan_waiter *w,
				const struct gochan_wait *wait)
{
	struct gochan_sleeper *s = files->sleeper;
	int err;

	err = goselect_lock_and_poll(sel);
	if (err != -EAGAIN) {
		goselect_unlock_any(sel);
		return err;
	}
	files->parking = sel->nr_chans;
	__goselect_park(sel, s, w);
	files->parking = false;
	goselect_unlock_any(sel);

	err = gochan_sleep(s, wait);
	return err ?: goselect_served(sel, w, s->winner);
}

/* Return -EAGAIN if a file has woken the task: all cases are to be judged anew. */
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
	index = goselect_judge_files(sel);
	if (index != -EAGAIN || !wait)
		return index;
	/* Not NULL, but nothing to be used, if there is no channel. */
	w = kmalloc_array(sel->nr_chans, sizeof(*w), GOCHAN_GFP_USER);
	if (!w)
		return -ENOMEM;
	for (;;) {
		index = goselect_block_files(sel, w, wait);
		if (index == -EAGAIN)
			index = goselect_judge_files(sel);
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
