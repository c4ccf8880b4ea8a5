// SPDX-License-Identifier: GPL-2.0-only
/*
 * A sample driver that streams events from a hard interrupt into a channel that
 * a process has made. The process opens /dev/gochan-timer, hands it the
 * channel's descriptor with GOCHAN_TIMER_START, and reads.
 *
 * The interrupt is a timer's, and stands for that of a device: it must not
 * sleep, so an event is dropped if the channel is full, and the gap in the
 * numbers tells; a map of the process, if it has handed one over as well, counts
 * both. When the last event has been sent the driver closes the
 * channel, and the process sees the end after what is buffered. When the
 * process has gone first, a channel made with GOCHAN_CHAN_AUTOCLOSE is closed,
 * and the driver stops.
 *
 * Lifetime: an open file owns its stream, the stream references to the channel
 * and the map. The timer runs only between start and release.
 *
 * Locks: none. gochan_timer_stream.ch is set once, by a compare-exchange, and
 * the timer is started by who has set it.
 */

#include <linux/err.h>
#include <linux/fs.h>
#include <linux/gochan.h>
#include <linux/gomap.h>
#include <linux/hrtimer.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../compat.h"
#include "gochan_timer.h"

/**
 * struct gochan_timer_stream - one open file
 * @timer: fires once for each event
 * @ch: where the events go; NULL before the start
 * @counts: the map that counts them, or NULL
 * @period: time between two of them
 * @seq: number of the next
 * @count: how many there will be; 0 for no limit
 */
struct gochan_timer_stream {
	struct hrtimer timer;
	struct gochan *ch;
	struct gomap *counts;
	ktime_t period;
	u64 seq;
	u32 count;
};

static const struct gomap_params gochan_timer_counts = {
	.key_size = sizeof(u32),
	.val_size = sizeof(u64),
};

/*
 * Both keys are there from the start. If the process has deleted one and there
 * is no memory to insert it again, then it does not want to know.
 */
static void gochan_timer_count(struct gochan_timer_stream *s, u32 key)
{
	int err;

	if (!s->counts)
		return;
	err = gomap_add(s->counts, &key, 1, GOMAP_ANY, NULL, GFP_ATOMIC);
	if (err)
		pr_debug_ratelimited("an event was not counted: %d\n", err);
}

/* In a hard interrupt; in a softirq on PREEMPT_RT, as most hrtimers there. */
static enum hrtimer_restart gochan_timer_fire(struct hrtimer *timer)
{
	struct gochan_timer_stream *s =
		container_of(timer, struct gochan_timer_stream, timer);
	struct gochan_timer_event event = {
		.seq = s->seq++,
		.time = ktime_get_ns(),
	};
	int err = gochan_try_send(s->ch, &event);

	/* Full is no reason to stop: whoever reads sees the gap. */
	if (err == -EPIPE)
		return HRTIMER_NORESTART;
	gochan_timer_count(s, err ? GOCHAN_TIMER_DROPPED : GOCHAN_TIMER_SENT);
	if (s->count && s->seq == s->count) {
		gochan_close(s->ch);
		return HRTIMER_NORESTART;
	}
	hrtimer_forward_now(timer, s->period);
	return HRTIMER_RESTART;
}

static int gochan_timer_check(const struct gochan_timer_start *arg)
{
	if (arg->size != sizeof(*arg) || arg->flags || arg->pad)
		return -EINVAL;
	if (arg->period < GOCHAN_TIMER_MIN_PERIOD || arg->period > KTIME_MAX)
		return -EINVAL;
	return 0;
}

/* The map for the counts, with both keys in it; or none, as was asked for. */
static struct gomap *gochan_timer_map(int fd)
{
	static const u32 keys[] = { GOCHAN_TIMER_SENT, GOCHAN_TIMER_DROPPED };
	struct gomap *map;
	int i, err = 0;

	if (fd == -1)
		return NULL;
	map = gomap_get_from_fd(fd, &gochan_timer_counts);
	for (i = 0; !IS_ERR(map) && !err && i < ARRAY_SIZE(keys); i++)
		err = gomap_add(map, &keys[i], 0, GOMAP_ANY, NULL, GFP_KERNEL);
	if (!err)
		return map;
	gomap_put_from_fd(map);
	return ERR_PTR(err);
}

static void gochan_timer_put(struct gochan *ch, struct gomap *counts)
{
	gochan_put(ch);
	if (counts)
		gomap_put_from_fd(counts);
}

static int gochan_timer_start(struct gochan_timer_stream *s,
			      const struct gochan_timer_start *arg)
{
	struct gochan *ch = gochan_get_from_fd(arg->fd, FMODE_WRITE,
					       sizeof(struct gochan_timer_event),
					       false);
	struct gomap *counts;

	if (IS_ERR(ch))
		return PTR_ERR(ch);
	counts = gochan_timer_map(arg->map_fd);
	if (IS_ERR(counts)) {
		gochan_put(ch);
		return PTR_ERR(counts);
	}
	/* One stream for each file, also if two threads start one. */
	if (cmpxchg(&s->ch, NULL, ch)) {
		gochan_timer_put(ch, counts);
		return -EBUSY;
	}
	s->counts = counts;
	s->count = arg->count;
	s->period = ns_to_ktime(arg->period);
	hrtimer_start(&s->timer, s->period, HRTIMER_MODE_REL);
	return 0;
}

static long gochan_timer_ioctl(struct file *file, unsigned int cmd,
			       unsigned long uarg)
{
	struct gochan_timer_start arg;
	int err;

	if (cmd != GOCHAN_TIMER_START)
		return -ENOTTY;
	if (copy_from_user(&arg, (void __user *)uarg, sizeof(arg)))
		return -EFAULT;
	err = gochan_timer_check(&arg);
	return err ?: gochan_timer_start(file->private_data, &arg);
}

static int gochan_timer_open(struct inode *inode, struct file *file)
{
	struct gochan_timer_stream *s = kzalloc(sizeof(*s), GFP_KERNEL_ACCOUNT);

	if (!s)
		return -ENOMEM;
	hrtimer_setup(&s->timer, gochan_timer_fire, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL);
	file->private_data = s;
	return nonseekable_open(inode, file);
}

static int gochan_timer_release(struct inode *inode, struct file *file)
{
	struct gochan_timer_stream *s = file->private_data;

	hrtimer_cancel(&s->timer);
	gochan_timer_put(s->ch, s->counts);
	kfree(s);
	return 0;
}

static const struct file_operations gochan_timer_fops = {
	.owner = THIS_MODULE,
	.open = gochan_timer_open,
	.release = gochan_timer_release,
	.unlocked_ioctl = gochan_timer_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice gochan_timer_dev = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "gochan-timer",
	.fops = &gochan_timer_fops,
	.mode = 0600,
};
module_misc_device(gochan_timer_dev);

MODULE_DESCRIPTION("Sample: events from an interrupt into a channel of a process");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(GOCHAN_NS);
