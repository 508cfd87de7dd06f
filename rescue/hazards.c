/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/inventory.h"

#include <stdarg.h>
#include <stdio.h>

/* What a rescue would cost, each with its name and amount, from what is known. */

struct finder {
	const struct inventory *inv;
	struct patient *p;
	const struct ec2_instance *i;
	bool will_stop; /* it runs (or is about to) and would be stopped */
};

static char *vtext(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));
static char *vtext(const char *fmt, va_list ap)
{
	char *text = NULL;

	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	return text;
}

static void refuse(struct finder *f, enum err_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void refuse(struct finder *f, enum err_code code, const char *fmt, ...)
{
	struct hazard *h = vec_add(&f->p->hazards);
	va_list ap;

	va_start(ap, fmt);
	*h = (struct hazard){ HAZARD_REFUSAL, code, "nothing", vtext(fmt, ap) };
	va_end(ap);
}

static void hazard(struct finder *f, enum hazard_weight weight, const char *costs, const char *fmt,
		   ...) __attribute__((format(printf, 4, 5)));
static void hazard(struct finder *f, enum hazard_weight weight, const char *costs, const char *fmt,
		   ...)
{
	struct hazard *h = vec_add(&f->p->hazards);
	va_list ap;

	va_start(ap, fmt);
	*h = (struct hazard){ weight, ERR_NONE, costs, vtext(fmt, ap) };
	va_end(ap);
}

static const char *or_unknown(const char *text)
{
	return text ? text : "?";
}

/* The claim of another run, on the instance or on its root volume. */
static void find_claim(struct finder *f, const struct ec2_tags *tags, const char *on)
{
	struct claim claim;
	struct err err = ERR_INIT;
	int found = claim_find(tags, &claim, &err);

	if (found < 0) {
		hazard(f, HAZARD_CONSENT, "nothing", "%s: %s; it would be overwritten", on,
		       err.text);
	} else if (found && claim.until > f->inv->now) {
		refuse(f, ERR_REFUSED,
		       "%s is claimed by run %s of %s, which may still be at work; if it is not: "
		       "ec2-rescue resume %s",
		       on, claim.run, claim.by, f->p->id.s);
	} else if (found) {
		hazard(f, HAZARD_CONSENT, "nothing",
		       "%s has the expired claim of run %s of %s; it would be overwritten", on,
		       claim.run, claim.by);
		memcpy(f->p->overwrites, claim.run, sizeof(claim.run));
	}
}

static void find_claims(struct finder *f)
{
	size_t before = f->p->hazards.count;

	find_claim(f, &f->i->tags, f->i->id.s);
	/* The same claim is on both; once is enough. */
	if (f->p->root && f->p->hazards.count == before)
		find_claim(f, &f->p->root->tags, f->p->root->id.s);
}

static void find_state(struct finder *f)
{
	switch (f->i->state) {
	case INSTANCE_TERMINATED:
	case INSTANCE_SHUTTING_DOWN:
		refuse(f, ERR_REFUSED, "%s is %s; there is nothing to rescue", f->i->id.s,
		       ec2_instance_state_name(f->i->state));
		break;
	case INSTANCE_STOPPING:
		hazard(f, HAZARD_NOTE, "nothing",
		       "%s is being stopped by somebody else; it stays stopped afterwards",
		       f->i->id.s);
		break;
	case INSTANCE_RUNNING:
	case INSTANCE_PENDING:
		hazard(f, HAZARD_CONSENT, "downtime",
		       f->will_stop
			       ? "%s (%s) is stopped and started again; it is down for some minutes"
			       : "%s (%s) is rebooted by the replacement of its root volume; it is "
				 "down "
				 "for a minute or so",
		       f->i->id.s, f->i->type ? f->i->type : "of unknown type");
		break;
	case INSTANCE_STOPPED:
		break;
	default:
		refuse(f, ERR_REFUSED, "%s is in a state that is not known here", f->i->id.s);
	}
	if (f->i->state_reason_code && strstr(f->i->state_reason_code, "Hibernate") &&
	    !f->will_stop)
		refuse(f, ERR_REFUSED,
		       "%s is hibernated: its start resumes the saved memory, which would go on "
		       "with "
		       "the file systems as they were and destroy what a repair wrote; start it "
		       "and "
		       "stop it without hibernation first",
		       f->i->id.s);
}

static void find_root(struct finder *f)
{
	const struct patient *p = f->p;
	size_t attached = 0;

	if (f->i->platform && !strcasecmp(f->i->platform, "windows"))
		refuse(f, ERR_UNSUPPORTED, "%s runs Windows; this program repairs Linux",
		       f->i->id.s);
	if (f->i->root_device_type && !str_eq(f->i->root_device_type, "ebs")) {
		refuse(f, ERR_UNSUPPORTED,
		       "%s has its root on the instance store, not on EBS: it cannot be stopped, "
		       "and its root cannot be moved",
		       f->i->id.s);
		return;
	}
	if (!p->root_device && !f->i->root_device_name && p->volume_count > 1) {
		refuse(f, ERR_REFUSED,
		       "this server does not say which of the %zu volumes of %s is the root",
		       p->volume_count, f->i->id.s);
		return;
	}
	if (!p->root_device || !p->root) {
		refuse(f, ERR_REFUSED,
		       "%s has no volume attached as its root device %s; if an earlier run took "
		       "it: "
		       "ec2-rescue resume %s",
		       f->i->id.s, or_unknown(f->i->root_device_name), f->i->id.s);
		return;
	}
	if (p->is_root_guessed)
		hazard(f, HAZARD_NOTE, "nothing",
		       "this server does not say which volume of %s is the root; %s as %s is "
		       "taken for it",
		       f->i->id.s, p->root_device->volume.s, p->root_device->device_name);
	vec_foreach (a, &p->root->attachments)
		attached += a->status != ATTACHMENT_DETACHED;
	if (attached > 1)
		refuse(f, ERR_UNSUPPORTED,
		       "%s is attached to %zu instances at once (multi-attach); a repair would "
		       "damage it under the others",
		       p->root->id.s, attached);
	if (p->root->encrypted == EC2_TRUE)
		hazard(f, HAZARD_NOTE, "nothing", "%s is encrypted (%s); %s on that key",
		       p->root->id.s, or_unknown(p->root->kms_key),
		       via_swaps(p->via)
			       ? "reading and writing its snapshot needs kms:Decrypt, "
				 "kms:GenerateDataKeyWithoutPlaintext and kms:ReEncrypt*, the new "
				 "volume kms:CreateGrant,"
			       : "the attachment to the helper needs kms:CreateGrant");
}

/* What to do about a key that cannot be used. */
static char *key_remedy(const struct kms_key *key)
{
	if (str_eq(key->state, "Disabled"))
		return mem_printf("aws kms enable-key --key-id %s", key->arn);
	if (str_eq(key->state, "PendingDeletion"))
		return mem_printf("aws kms cancel-key-deletion --key-id %s, then aws kms "
				  "enable-key --key-id %s",
				  key->arn, key->arn);
	return mem_printf("aws kms describe-key --key-id %s", key->arn);
}

/* Its root has to be decrypted at the helper, and everything that is attached at the start. */
static void find_key(struct finder *f, const struct ec2_volume *volume, const struct volume_key *k)
{
	cleanup(free) char *remedy = NULL;

	if (k->op.err.code == ERR_NOTFOUND) {
		refuse(f, ERR_NOTFOUND,
		       "the key %s of %s does not exist any more: nothing can decrypt the volume, "
		       "and %s does not start with it",
		       k->arn, volume->id.s, f->i->id.s);
		return;
	}
	if (k->op.err.code != ERR_NONE) {
		hazard(f, HAZARD_NOTE, "nothing",
		       "could not tell whether the key %s of %s can be used (%s); if it cannot, "
		       "%s does not start again",
		       k->arn, volume->id.s,
		       k->op.err.code == ERR_DENIED
			       ? "the IAM permission kms:DescribeKey is missing"
			       : k->op.err.text,
		       f->i->id.s);
		return;
	}
	if (str_eq(k->key.state, "Enabled"))
		return;
	remedy = key_remedy(&k->key);
	refuse(f, ERR_REFUSED,
	       "the key %s of %s is %s: nothing can decrypt the volume, and %s does not start with "
	       "it; first: %s",
	       k->arn, volume->id.s, k->key.state, f->i->id.s, remedy);
}

static void find_keys(struct finder *f)
{
	struct ec2_devices devices = { 0 };

	devices_of(f->inv, f->p, &devices);
	vec_foreach (volume, &f->inv->volumes) {
		const struct volume_key *key = keys_find(f->inv, volume->kms_key);

		vec_foreach (d, &devices)
			if (key && id_eq(&d->volume, &volume->id))
				find_key(f, volume, key);
	}
	vec_done(&devices);
}

/* The instance that the volume is to be attached to. */
static void find_helper_place(struct finder *f)
{
	const struct ec2_instance *helper = f->inv->helper_instance;
	const struct ec2_volume *root = f->p->root;

	if (!helper) {
		refuse(f, ERR_NOTFOUND, "the helper %s does not exist in %s", f->inv->helper.s,
		       f->inv->region);
		return;
	}
	if (helper->state != INSTANCE_RUNNING)
		refuse(f, ERR_REFUSED, "the helper %s is %s, not running", helper->id.s,
		       ec2_instance_state_name(helper->state));
	if (root && root->zone && helper->zone && !str_eq(root->zone, helper->zone))
		refuse(f, ERR_REFUSED,
		       "%s is in %s, the helper %s in %s: a volume cannot leave its zone; name or "
		       "launch a helper in %s",
		       root->id.s, root->zone, helper->id.s, helper->zone, root->zone);
	if (root && root->outpost && (!helper->outpost || !str_eq(helper->outpost, root->outpost)))
		refuse(f, ERR_REFUSED, "%s is on the Outpost %s, the helper %s is not", root->id.s,
		       root->outpost, helper->id.s);
}

static void find_self(struct finder *f)
{
	if (id_none(&f->inv->helper)) {
		refuse(f, ERR_REFUSED,
		       "this machine is no EC2 instance (no instance metadata), so %s has nowhere "
		       "to go; run on an instance, name this one with --helper, or launch one "
		       "(--via helper)",
		       f->p->root ? f->p->root->id.s : "its root");
		return;
	}
	if (id_eq(&f->inv->helper, &f->i->id)) {
		refuse(f, ERR_REFUSED, "%s is this machine; run on another instance", f->i->id.s);
		return;
	}
	find_helper_place(f);
}

static void find_launch(struct finder *f)
{
	cleanup(free) char *why_not = helper_not_launched(f->inv, f->p);
	const struct ec2_volume *root = f->p->root;
	struct launch launch;

	if (why_not) {
		refuse(f, ERR_REFUSED, "no helper can be launched for %s: %s", f->i->id.s, why_not);
		return;
	}
	helper_fill(f->inv, f->p, &launch);
	vec_foreach (s, &f->inv->subnets)
		if (s->id && str_eq(s->id, launch.subnet) && s->zone && root && root->zone &&
		    !str_eq(s->zone, root->zone))
			refuse(f, ERR_REFUSED,
			       "--subnet %s is in %s, %s in %s: a volume cannot leave its zone",
			       launch.subnet, s->zone, root->id.s, root->zone);
	hazard(f, HAZARD_CONSENT, "money",
	       "a helper instance (%s, image %s%s%s) is launched and %s, with a security group "
	       "that "
	       "lets in ssh from %s alone; instances of one zone share it",
	       launch.type[0] ? launch.type : "of the smallest type to be had, t3.nano first",
	       launch.image, launch.subnet[0] ? ", subnet " : "", launch.subnet,
	       launch.is_kept ? "kept: it is paid for until you terminate it"
			      : "terminated afterwards: it is paid for some minutes",
	       launch.from);
}

static void find_helper(struct finder *f)
{
	if (f->p->via != VIA_HELPER) {
		find_self(f);
		return;
	}
	if (id_eq(&f->inv->self, &f->i->id))
		refuse(f, ERR_REFUSED, "%s is this machine; run on another one", f->i->id.s);
	if (!f->inv->names_helper) {
		find_launch(f);
		return;
	}
	if (id_eq(&f->inv->helper, &f->i->id))
		refuse(f, ERR_REFUSED, "%s cannot be its own helper", f->i->id.s);
	find_helper_place(f);
}

/* EBS user guide, StartSnapshot: where the account encrypts by default, the parent has to be encrypted. */
static void find_encryption(struct finder *f)
{
	const struct ec2_volume *root = f->p->root;
	const struct ec2_op *op = &f->inv->encryption_op;

	if (!root || root->encrypted == EC2_TRUE)
		return;
	if (op->err.code != ERR_NONE)
		hazard(f, HAZARD_NOTE, "nothing",
		       "could not tell whether the account encrypts by default (%s); if it does, "
		       "the "
		       "repair of %s, which is not encrypted, cannot be written by snapshot",
		       op->err.code == ERR_DENIED
			       ? "the IAM permission ec2:GetEbsEncryptionByDefault is missing"
			       : op->err.text,
		       root->id.s);
	else if (f->inv->encryption.is_on == EC2_TRUE)
		refuse(f, ERR_REFUSED,
		       "the account encrypts by default, and %s is not encrypted: EBS lets no "
		       "child of "
		       "its snapshot be written; run on an instance in %s (--via self)",
		       root->id.s, or_unknown(root->zone));
}

static void find_no_helper(struct finder *f)
{
	cleanup(free) char *why = f->p->via == VIA_REPLACE ? way_not_replace(f->p) : NULL;

	if (why)
		refuse(f, ERR_REFUSED,
		       "EC2 replaces the root volume of a running instance only, and not of every "
		       "one: "
		       "%s (--via snapshot)",
		       why);
	find_encryption(f);
	if (id_eq(&f->inv->self, &f->i->id))
		refuse(f, ERR_REFUSED, "%s is this machine; run on another one", f->i->id.s);
}

bool patient_loses_store(const struct patient *p)
{
	return p->type && p->type->instance_storage == EC2_TRUE;
}

static void find_instance_store(struct finder *f)
{
	const struct ec2_instance_type *t = f->p->type;

	if (!f->will_stop)
		return;
	if (!t) {
		hazard(f, HAZARD_NOTE, "data",
		       "could not tell whether %s has instance-store disks; their data would be "
		       "lost by the stop",
		       f->i->type ? f->i->type : f->i->id.s);
	} else if (patient_loses_store(f->p)) {
		hazard(f, HAZARD_CONSENT, "data",
		       "all data on the instance-store disks of %s (%lld GB, %s) is lost by the "
		       "stop",
		       f->i->id.s, (long long)t->instance_storage_gb, t->type);
	}
}

static void find_address(struct finder *f)
{
	const char *owner = NULL;
	cleanup(free) char *why_not = NULL;

	if (!f->will_stop || !f->i->public_ip)
		return;
	vec_foreach (interface, &f->i->interfaces)
		if (interface->public_ip && str_eq(interface->public_ip, f->i->public_ip))
			owner = interface->public_ip_owner;
	/* An Elastic IP belongs to the account, an automatic address to "amazon". */
	if (owner && !str_eq(owner, "amazon"))
		return;
	why_not = way_not_replace(f->p);
	hazard(f, HAZARD_CONSENT, "address",
	       owner ? "the public address %s is no Elastic IP: %s gets another one at its start%s"
		     : "the public address %s changes at the start of %s unless it is an Elastic "
		       "IP%s",
	       f->i->public_ip, f->i->id.s, why_not ? "" : " (--via replace does without a stop)");
}

/* A repair of its volume is not what it needs. */
static void find_network(struct finder *f)
{
	if (f->p->net_stop)
		refuse(f, ERR_CLOSED,
		       "%s: %s. No repair of its volume helps, so nothing is stopped. If sshd "
		       "listens on "
		       "another port or you come from another address, say --ssh-port or --from; "
		       "to "
		       "operate all the same, --no-net",
		       f->p->net_text, f->p->net_stop);
}

static void find_group(struct finder *f)
{
	const struct asg_instance *a = f->p->asg;

	if (!f->inv->has_asg && f->will_stop)
		hazard(f, HAZARD_NOTE, "data",
		       "could not tell whether %s is in an Auto Scaling group, which would replace "
		       "it while it is stopped",
		       f->i->id.s);
	if (!a)
		return;
	if (a->lifecycle_state && str_eq(a->lifecycle_state, "Standby"))
		hazard(f, HAZARD_NOTE, "nothing", "%s is in standby in the Auto Scaling group %s",
		       f->i->id.s, or_unknown(a->group));
	else if ((f->will_stop || f->p->via == VIA_REPLACE) && patient_is_in_service(f->p))
		hazard(f, HAZARD_CONSENT, "capacity",
		       "%s is in the Auto Scaling group %s, which would terminate it once it is "
		       "down: "
		       "it is put into standby, which takes it from its load balancers and lowers "
		       "the group's desired capacity by one, and back in service afterwards",
		       f->i->id.s, or_unknown(a->group));
	else
		hazard(f, HAZARD_CONSENT, "data",
		       "%s is %s in the Auto Scaling group %s, which finds it unhealthy when it is "
		       "stopped, terminates it (and its root volume) and launches another",
		       f->i->id.s, or_unknown(a->lifecycle_state), or_unknown(a->group));
}

/* It is started again without being asked, and terminated when its root is away at that moment. Source: EC2
 * user guide, "Behavior of Spot Instance interruptions". */
static bool is_stopped_by_spot(const struct finder *f)
{
	const struct ec2_spot_request *s = f->p->spot;

	if (f->will_stop)
		return false;
	if (s && s->status)
		return str_starts(s->status, "instance-stopped-") &&
		       !str_eq(s->status, "instance-stopped-by-user");
	return f->i->state_reason_code && str_starts(f->i->state_reason_code, "Server.Spot");
}

static void find_spot(struct finder *f)
{
	const char *request = or_unknown(f->i->spot_request);
	const char *root = f->p->root ? f->p->root->id.s : "its root volume";
	const struct ec2_spot_request *s = f->p->spot;

	if (!f->i->lifecycle || !str_eq(f->i->lifecycle, "spot"))
		return;
	if (is_stopped_by_spot(f))
		refuse(f, ERR_REFUSED,
		       "%s was stopped by the Spot service (request %s%s%s), which starts it again "
		       "when there is capacity and terminates it when its root volume is away "
		       "then; "
		       "wait until it runs, or examine a snapshot of %s (ec2-rescue audit "
		       "snap-...)",
		       f->i->id.s, request, s && s->status ? ": " : "",
		       s && s->status ? s->status : "", root);
	else if (f->will_stop && s && s->type && str_eq(s->type, "one-time"))
		refuse(f, ERR_UNSUPPORTED,
		       "%s is a Spot Instance of the one-time request %s, which EC2 does not stop; "
		       "examine a snapshot of %s (ec2-rescue audit snap-...)",
		       f->i->id.s, request, root);
	else if (f->will_stop)
		hazard(f, HAZARD_CONSENT, "downtime",
		       "%s is a Spot Instance (%s%srequest %s): once stopped it starts again only "
		       "when there is capacity at its price",
		       f->i->id.s, s && s->type ? s->type : "", s && s->type ? " " : "", request);
}

static void find_lifecycle(struct finder *f)
{
	find_spot(f);
	if (f->i->hibernation_configured == EC2_TRUE && f->will_stop)
		hazard(f, HAZARD_NOTE, "data",
		       "%s is set up for hibernation; it is stopped, not hibernated: what is in "
		       "its memory is lost",
		       f->i->id.s);
	vec_foreach (code, &f->i->product_codes)
		if (!code->type || str_eq(code->type, "marketplace"))
			refuse(f, ERR_UNSUPPORTED,
			       "%s carries the AWS Marketplace product code %s: %s", f->i->id.s,
			       or_unknown(code->code),
			       via_swaps(f->p->via)
				       ? "whether a snapshot that is written block by block, and "
					 "the root volume made of it, keep the code is not known"
				       : "EC2 attaches its root volume to a stopped instance "
					 "only, never to a running helper");
	if (f->p->shutdown_behavior.value && str_eq(f->p->shutdown_behavior.value, "terminate"))
		hazard(f, HAZARD_CONSENT, "data",
		       "the shutdown behaviour of %s is \"terminate\": a shutdown from inside, "
		       "also "
		       "one that its boot causes after the repair, destroys it%s",
		       f->i->id.s,
		       f->p->root_device && f->p->root_device->delete_on_termination == EC2_TRUE
			       ? " and its root volume"
			       : "");
	if (f->will_stop && f->p->stop_protection.value &&
	    str_eq(f->p->stop_protection.value, "true"))
		refuse(f, ERR_REFUSED,
		       "%s is protected against being stopped; if that is meant: aws ec2 "
		       "modify-instance-attribute --instance-id %s --no-disable-api-stop",
		       f->i->id.s, f->i->id.s);
}

static void find_permissions(struct finder *f)
{
	cleanup(str_done) struct str missing = STR_INIT;
	enum dry_call call = DRY_CALLS;
	const struct ec2_op *unknown = preflight_unknown(f->inv, &call);

	preflight_missing(f->p, &missing);
	if (missing.len)
		refuse(f, ERR_DENIED, "IAM permissions are missing: %s", missing.s);
	if (unknown)
		refuse(f, unknown->err.code,
		       call == DRY_SNAPSHOT
			       ? "no snapshot of %s can be taken, so that only the undo record on "
				 "this machine could bring its old bytes back (%s); with "
				 "--no-snapshot the rescue goes on without one"
			       : "%s cannot be rescued on a server without that call: %s",
		       call == DRY_SNAPSHOT && f->p->root ? f->p->root->id.s : f->i->id.s,
		       unknown->err.text);
	if (!f->inv->knows_dry_run)
		hazard(f, HAZARD_NOTE, "nothing",
		       "this server does not know DryRun, so missing permissions show only on the "
		       "way");
	if (f->inv->takes_no_snapshot)
		hazard(f, HAZARD_CONSENT, "data",
		       "no snapshot of %s is taken; only the undo record on this machine could "
		       "bring its old bytes back",
		       f->p->root ? f->p->root->id.s : "the root volume");
}

void hazards_find(const struct inventory *inv, struct patient *p)
{
	struct finder f = { .inv = inv, .p = p, .i = p->instance };

	f.will_stop = p->via != VIA_REPLACE &&
		      (f.i->state == INSTANCE_RUNNING || f.i->state == INSTANCE_PENDING);
	find_state(&f);
	find_network(&f);
	find_root(&f);
	find_keys(&f);
	find_claims(&f);
	(via_swaps(p->via) ? find_no_helper : find_helper)(&f);
	find_instance_store(&f);
	find_address(&f);
	find_group(&f);
	find_lifecycle(&f);
	find_permissions(&f);
}

void hazards_add_swap(const struct inventory *inv, struct patient *p, const struct volume_id *kept)
{
	struct finder f = { .inv = inv, .p = p, .i = p->instance };

	if (kept) {
		hazard(&f, HAZARD_CONSENT, "data",
		       "%s gets %s back as it was before the repair: what was written since then "
		       "is on %s, which is kept, detached, and paid for until it is deleted",
		       p->id.s, kept->s, p->root->id.s);
		return;
	}
	hazard(&f, HAZARD_CONSENT, "money",
	       "if it is repaired, %s gets a new root volume of %lld GiB, and %s is kept as it "
	       "was: "
	       "both are paid for until one of them is deleted",
	       p->id.s, (long long)p->root->size_gib, p->root->id.s);
	if (p->via == VIA_REPLACE) {
		hazard(&f, HAZARD_CONSENT, "data",
		       "%s goes on running meanwhile: what it writes to %s after the snapshot is "
		       "not on "
		       "the new root volume, only on the old one",
		       p->id.s, p->root->id.s);
		return;
	}
	hazard(&f, HAZARD_NOTE, "downtime",
	       "the snapshot of %s has to be completed while %s is stopped: minutes, or hours when "
	       "it is the first one of a full volume",
	       p->root->id.s, p->id.s);
}

void hazards_done(struct hazards *hazards)
{
	vec_foreach (h, hazards)
		free(h->text);
	vec_done(hazards);
}

int hazards_refusal(const struct hazards *hazards, struct err *err)
{
	vec_foreach (h, hazards)
		if (h->weight == HAZARD_REFUSAL)
			return err_set(err, h->code, "%s", h->text);
	return 0;
}

bool hazards_need_consent(const struct hazards *hazards)
{
	vec_foreach (h, hazards)
		if (h->weight == HAZARD_CONSENT)
			return true;
	return false;
}
