// SPDX-License-Identifier: GPL-2.0-only
/*
 * What each user may make the kernel keep: a number of objects and of bytes,
 * on top of what the memory cgroup says. The user is the real uid of the
 * process that makes an object; CAP_SYS_RESOURCE is counted but not limited.
 * A user who owns many uids, as user namespaces give out, has as many accounts;
 * the memory cgroup is what holds then.
 *
 * An account exists while its user has objects, in a map from users to accounts.
 * The table's mutex protects all accounts, and which there are.
 */

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/gomap.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uidgid.h>

#include "internal.h"

/* Room for a few hundred pipes' worth of rings, and as many as fds. */
static unsigned long max_user_bytes = 64UL << 20;
module_param(max_user_bytes, ulong, 0644);
MODULE_PARM_DESC(max_user_bytes, "bytes that the objects of one user may take");

static unsigned int max_user_objects = 4096;
module_param(max_user_objects, uint, 0644);
MODULE_PARM_DESC(max_user_objects, "objects that one user may have");

/**
 * struct gochan_account - what one user has
 * @uid: the user
 * @objects: objects charged
 * @bytes: bytes charged
 */
struct gochan_account {
	kuid_t uid;
	unsigned int objects;
	unsigned long bytes;
};

DEFINE_GOMAP(gochan_account, kuid_t, struct gochan_account *, 0);

static struct gochan_account_map gochan_accounts;
static DEFINE_MUTEX(gochan_accounts_lock);

/* The account of a user; if there is none it becomes @fresh. */
static struct gochan_account *__gochan_get_account(kuid_t uid,
						   struct gochan_account *fresh)
{
	struct gochan_account *acct;
	int err;

	if (gochan_account_get(&gochan_accounts, uid, &acct))
		return acct;
	err = gochan_account_put(&gochan_accounts, uid, fresh, GOMAP_NEW,
				 GFP_KERNEL);
	return err ? ERR_PTR(err) : fresh;
}

/* An account without objects goes. */
static void __gochan_put_account(struct gochan_account *acct)
{
	if (acct->objects)
		return;
	gochan_account_delete(&gochan_accounts, acct->uid);
	kfree(acct);
}

static bool __gochan_over_bytes(const struct gochan_account *acct, size_t bytes)
{
	unsigned long limit = READ_ONCE(max_user_bytes);

	return acct->bytes > limit || bytes > limit - acct->bytes;
}

static bool __gochan_over_quota(const struct gochan_account *acct, size_t bytes)
{
	return acct->objects >= READ_ONCE(max_user_objects) ||
	       __gochan_over_bytes(acct, bytes);
}

/**
 * gochan_charge - charge an object to the current user
 * @bytes: memory it takes
 *
 * Context: Process context. May sleep.
 * Return: the account, for gochan_uncharge(), or ERR_PTR(-EDQUOT) if the user
 * has reached a limit, or ERR_PTR(-ENOMEM).
 */
struct gochan_account *gochan_charge(size_t bytes)
{
	struct gochan_account *acct, *fresh;

	fresh = kzalloc(sizeof(*fresh), GFP_KERNEL_ACCOUNT);
	if (!fresh)
		return ERR_PTR(-ENOMEM);
	fresh->uid = current_uid();

	mutex_lock(&gochan_accounts_lock);
	acct = __gochan_get_account(fresh->uid, fresh);
	if (acct != fresh)
		kfree(fresh);
	if (IS_ERR(acct))
		goto unlock;
	/* The capability last: asking for it is recorded. */
	if (__gochan_over_quota(acct, bytes) && !capable(CAP_SYS_RESOURCE)) {
		__gochan_put_account(acct);
		acct = ERR_PTR(-EDQUOT);
	} else {
		acct->objects++;
		acct->bytes += bytes;
	}
unlock:
	mutex_unlock(&gochan_accounts_lock);
	return acct;
}

/**
 * gochan_recharge - change what an object is charged for
 * @acct: the account that was charged
 * @from: what was charged
 * @to: what shall be
 *
 * The capability is that of the current task, whoever made the object.
 *
 * Context: Process context. May sleep.
 * Return: 0, or -EDQUOT if it would be more and the user has reached the limit.
 */
int gochan_recharge(struct gochan_account *acct, size_t from, size_t to)
{
	int err = 0;

	mutex_lock(&gochan_accounts_lock);
	if (to > from && __gochan_over_bytes(acct, to - from) &&
	    !capable(CAP_SYS_RESOURCE))
		err = -EDQUOT;
	else
		acct->bytes += to - from;
	mutex_unlock(&gochan_accounts_lock);
	return err;
}

/**
 * gochan_uncharge - take back a charge
 * @acct: the account that was charged
 * @bytes: what was charged
 *
 * Context: Process context. May sleep.
 */
void gochan_uncharge(struct gochan_account *acct, size_t bytes)
{
	mutex_lock(&gochan_accounts_lock);
	acct->bytes -= bytes;
	acct->objects--;
	__gochan_put_account(acct);
	mutex_unlock(&gochan_accounts_lock);
}

/**
 * gochan_quota_init - make the table of accounts
 *
 * Context: Process context, before there is an object.
 * Return: 0 or -errno.
 */
int __init gochan_quota_init(void)
{
	return gochan_account_init(&gochan_accounts, 0, GFP_KERNEL);
}

/**
 * gochan_quota_exit - free the table of accounts
 *
 * Context: Process context, after the last object has gone.
 */
void gochan_quota_exit(void)
{
	gochan_account_destroy(&gochan_accounts);
}
