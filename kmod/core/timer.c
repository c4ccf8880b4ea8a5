// SPDX-License-Identifier: GPL-2.0-only
/*
 * Timer channels: an hrtimer that sends the time at which it was due.
 *
 * The channel has one slot, which the outside does not see. The hrtimer runs
 * only while the slot is free: what came due before the value was taken would
 * be dropped anyway, so a ticker that nobody listens to costs no interrupts.
 * When the value is taken, __gotimer_taken() lets it run on.
 *
 * gotimer.when says when the timer is due, and the lock of the channel protects
 * it. The hrtimer only follows, and its callback believes nothing but @when: it
 * may come late, for a setting that is no longer valid, if it was waiting for
 * the lock while somebody held it to change the setting.
 *
 * Lifetime: a gotimer holds a reference to its channel until gotimer_free(),
 * which waits for the callback. The memory of both goes with the last reference
 * to the channel, as receivers still look at gochan.timer.
 *
 * Locks: gochan.lock; the hrtimer base's lock nests inside.
 */

#include <linux/err.h>
#include <linux/export.h>
#include <linux/hrtimer.h>
#include <linux/math64.h>
#include <linux/slab.h>

#include "../compat.h"
#include "internal.h"

/**
 * struct gotimer - what feeds a timer channel
 * @hrtimer: armed while the timer is due some time and the channel is empty
 * @ch: the channel; its lock protects the fields below
 * @when: next time that is due, KTIME_MAX for none
 * @period: of a ticker, else 0
 */
struct gotimer {
	struct hrtimer hrtimer;
	struct gochan *ch;
	ktime_t when;
	ktime_t period;
};

/* Let the hrtimer follow. */
static void __gotimer_arm(struct gotimer *t)
{
	lockdep_assert_held(&t->ch->lock);

	if (t->when == KTIME_MAX || t->ch->len)
		hrtimer_try_to_cancel(&t->hrtimer);
	else
		hrtimer_start(&t->hrtimer, t->when, HRTIMER_MODE_ABS);
}

/* Leave behind what is due by @now: on to the first time after it, if any. */
static void __gotimer_advance(struct gotimer *t, ktime_t now)
{
	u64 late;

	if (t->when > now)
		return;
	if (!t->period) {
		t->when = KTIME_MAX;
		return;
	}
	div64_u64_rem(now - t->when, t->period, &late);
	t->when = ktime_add_safe(now, t->period - late);
}

static void __gotimer_fire(struct gotimer *t)
{
	ktime_t due = t->when, now = ktime_get();

	/* The setting has changed meanwhile, or this one has been served. */
	if (due > now || t->ch->len)
		return;
	__gotimer_advance(t, now);
	/* The slot is free and the channel is never closed. */
	WARN_ON_ONCE(__gochan_send(t->ch, &due, sizeof(due)));
	__gotimer_arm(t);
}

static enum hrtimer_restart gotimer_expired(struct hrtimer *hrtimer)
{
	struct gotimer *t = container_of(hrtimer, struct gotimer, hrtimer);
	unsigned long flags;

	spin_lock_irqsave(&t->ch->lock, flags);
	__gotimer_fire(t);
	spin_unlock_irqrestore(&t->ch->lock, flags);
	/* It may have been started again, here or by somebody else. */
	return HRTIMER_NORESTART;
}

/**
 * __gotimer_taken - the value of a timer channel has been taken
 * @t: the timer
 *
 * Context: Any but NMI. The channel's lock is held.
 */
void __gotimer_taken(struct gotimer *t)
{
	if (t->when == KTIME_MAX)
		return;
	__gotimer_advance(t, ktime_get());
	__gotimer_arm(t);
}

/*
 * Forget the setting and a value that was not received yet. Return true if
 * there was either.
 */
static bool __gotimer_clear(struct gotimer *t)
{
	bool pending = t->when != KTIME_MAX || t->ch->len;
	size_t len = sizeof(ktime_t);
	bool ok;

	t->when = KTIME_MAX;
	if (t->ch->len)
		WARN_ON_ONCE(__gochan_recv(t->ch, NULL, &len, &ok));
	return pending;
}

static bool gotimer_change(struct gotimer *t, ktime_t when, ktime_t period)
{
	unsigned long flags;
	bool pending;

	spin_lock_irqsave(&t->ch->lock, flags);
	pending = __gotimer_clear(t);
	t->when = when;
	t->period = period;
	__gotimer_arm(t);
	spin_unlock_irqrestore(&t->ch->lock, flags);
	return pending;
}

/**
 * gotimer_set - set a timer, whatever it was set to before
 * @t: the timer
 * @when: CLOCK_MONOTONIC time at which it is due first; at once if that has
 *	passed, never (as after gotimer_stop()) if KTIME_MAX
 * @period: nanoseconds from one time it is due to the next, or 0 for only once
 *
 * Context: Any context but NMI.
 * Return: 1 if this prevented a value of the earlier setting from being
 * received, 0 if there was none to come; -EINVAL if @period is negative.
 */
int gotimer_set(struct gotimer *t, ktime_t when, ktime_t period)
{
	if (period < 0)
		return -EINVAL;
	/* Timers count from 0. */
	return gotimer_change(t, max_t(ktime_t, when, 0), period);
}
EXPORT_SYMBOL_NS_GPL(gotimer_set, GOCHAN_NS);

/**
 * gotimer_stop - stop a timer
 * @t: the timer
 *
 * The channel is not closed: who waits on it waits on. The timer can be set
 * again.
 *
 * Context: Any context but NMI.
 * Return: true if this prevented a value from being received, false if there
 * was none to come.
 */
bool gotimer_stop(struct gotimer *t)
{
	return gotimer_change(t, KTIME_MAX, 0);
}
EXPORT_SYMBOL_NS_GPL(gotimer_stop, GOCHAN_NS);

/**
 * gotimer_chan - the channel of a timer
 * @t: the timer
 *
 * Context: Any context.
 * Return: the channel, of elements of ktime_t, without a reference.
 */
struct gochan *gotimer_chan(const struct gotimer *t)
{
	return t->ch;
}
EXPORT_SYMBOL_NS_GPL(gotimer_chan, GOCHAN_NS);

/**
 * gotimer_alloc - make a timer, not set yet, and its channel
 * @gfp: how to allocate
 *
 * Context: As @gfp says.
 * Return: the timer, or ERR_PTR(-ENOMEM).
 */
struct gotimer *gotimer_alloc(gfp_t gfp)
{
	struct gotimer *t = kzalloc(sizeof(*t), gfp);

	if (!t)
		return ERR_PTR(-ENOMEM);
	t->ch = gochan_alloc(sizeof(ktime_t), 1, gfp);
	if (IS_ERR(t->ch)) {
		kfree(t);
		return ERR_PTR(-ENOMEM);
	}
	t->ch->timer = t;
	t->ch->words = false;
	t->when = KTIME_MAX;
	hrtimer_setup(&t->hrtimer, gotimer_expired, CLOCK_MONOTONIC,
		      HRTIMER_MODE_ABS);
	return t;
}
EXPORT_SYMBOL_NS_GPL(gotimer_alloc, GOCHAN_NS);

/**
 * gotimer_free - stop a timer for good
 * @t: the timer, or NULL
 *
 * The channel stays as long as others hold references to it.
 *
 * Context: Process or softirq context, not under a spinlock.
 */
void gotimer_free(struct gotimer *t)
{
	if (!t)
		return;
	gotimer_stop(t);
	/* It is not armed again, but the callback may be running. */
	hrtimer_cancel(&t->hrtimer);
	gochan_put(t->ch);
}
EXPORT_SYMBOL_NS_GPL(gotimer_free, GOCHAN_NS);
