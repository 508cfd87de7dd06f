/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/nat_setup.h"

static char *fault_of(const struct nat_mended *mended)
{
	if (!mended->did_not_translate)
		return mem_strdup("and the rules here do so, but others drop what is forwarded "
				  "for them");
	return mem_printf("and no rule here does so%s%s%s", mended->slip ? ": the one here" : "",
			  mended->slip ?: "",
			  mended->was_shut ? ", and others drop what is forwarded for them" : "");
}

/* A whole file is one edit: a check that mends a part of it waits for the next examination. */
static void add_edits(const struct nat_plan *plan, const struct nat_loader *loader,
		      const struct nat_mended *mended, struct edits *edits)
{
	const struct tree_new made = { .mode = loader->new_mode };

	vec_foreach (file, &mended->files) {
		struct err ignored = ERR_INIT;
		const struct str *old = machine_file(plan->machine, file->path, &ignored);

		if (!old)
			edit_create(edits, file->path, &made, file->text.s, file->text.len);
		else if (old->len != file->text.len || memcmp(old->s, file->text.s, old->len) != 0)
			edit_replace(edits, file->path, old, &file->text);
	}
}

/* The rules of the loader's file. 1: they cannot be made right, which is said. */
static int set_rules(const struct nat_plan *plan, const struct nat_loader *loader,
		     const struct str *ranges, struct findings *out, struct err *err)
{
	cleanup(nat_mended_done) struct nat_mended mended = { 0 };
	cleanup(free) char *fault = NULL;
	struct finding *finding;

	if (!machine_file(plan->machine, loader->path, err) && err->code != ERR_NOTFOUND)
		return -1;
	*err = (struct err)ERR_INIT;
	if (loader->is_nft)
		nat_mend_nft(plan, loader->path, &mended);
	else
		nat_mend_iptables(plan, loader->path, &mended);
	if (mended.why_not) {
		finding_add(out, SEVERITY_DELAYS, REPAIR_NONE, "128,129,130,131", loader->path, 0,
			    "addresses shall be translated for %s on the way out of %s, as you "
			    "ask, but this file cannot be changed so: %s",
			    ranges->s, plan->out, mended.why_not);
		return 1;
	}
	if (!mended.did_not_translate && !mended.was_shut)
		return 0;
	fault = fault_of(&mended);
	finding = finding_add(out, SEVERITY_DELAYS, REPAIR_SURE, "128,129,130,131",
			      mended.slip_path ?: loader->path, mended.slip_line,
			      "addresses shall be translated for %s on the way out of %s, as you "
			      "ask, %s",
			      ranges->s, plan->out, fault);
	add_edits(plan, loader, &mended, &finding->edits);
	return 0;
}

/* Rules that were never loaded may hold anything: they must leave sshd reachable. */
static bool is_safe(const struct nat_plan *plan, const struct nat_loader *loader)
{
	const struct ipt_file file = { .path = loader->path };
	cleanup(nft_files_done) struct nft_files files = { 0 };
	cleanup(nft_rules_done) struct nft_rules nft = { 0 };
	cleanup(ipt_rules_done) struct ipt_rules rules = { 0 };

	nft_files_start(plan->machine, loader->path, &files);
	if (!files.count)
		return true;
	if (loader->is_nft) {
		nft_read(plan->machine, &files, false, &nft);
		return !nft.rules.is_odd && nat_lets_in(plan, &nft.rules);
	}
	ipt_file_read(plan->machine, &file, &files.items[0].text, &rules);
	return !rules.problems.count && !rules.is_odd && nat_lets_in(plan, &rules);
}

static bool start_loader(const struct nat_plan *plan, const struct nat_loader *loader,
			 struct findings *out)
{
	bool is_right = is_safe(plan, loader);
	struct finding *finding;

	finding = finding_add(out, SEVERITY_DELAYS, is_right ? REPAIR_SURE : REPAIR_NONE, "135",
			      loader->path, 0,
			      is_right ? "the rules that translate addresses are not loaded at "
					 "boot: %s is not started"
				       : "the rules that translate addresses are not loaded at "
					 "boot, and to start %s would lock sshd out by what else "
					 "is in this file",
			      loader->unit);
	if (is_right)
		nat_loader_enable(plan, loader, &finding->edits);
	return is_right;
}

/* All or nothing: half a NAT instance is none. */
static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	cleanup(nat_plan_done) struct nat_plan plan = { 0 };
	cleanup(nat_loader_done) struct nat_loader loader = { 0 };
	cleanup(str_done) struct str ranges = STR_INIT;
	int rc;

	if (!machine_wanted_nat(machine))
		return 0;
	if (nat_plan_make(machine, &plan, err) < 0)
		return -1;
	rc = nat_loader_find(&plan, &loader, out, err);
	if (rc)
		return rc < 0 ? -1 : 0;
	if (!nat_set_networkd(&plan, out))
		return 0;
	if (!loader.is_enabled && !start_loader(&plan, &loader, out))
		return 0;
	nat_ranges_text(&plan, &ranges);
	rc = set_rules(&plan, &loader, &ranges, out, err);
	if (rc < 0)
		return -1;
	if (!rc) {
		nat_set_kernel(&plan, out);
		rc = nat_set_interfaces(&plan, out, err);
	}
	return rc < 0 ? -1 : 0;
}

const struct check check_nat_setup = {
	.name = "nat-setup",
	.title = "the system is not the NAT instance that the operator wants",
	.explain =
		"With --setup-nat CIDR (or vpc, for the VPC's own ranges) everything that a NAT "
		"instance needs on its volume is made: the kernel forwards and neither takes nor "
		"sends redirects, by a file in /etc/sysctl.d that comes last, and systemd-networkd "
		"does not "
		"switch that off; the addresses of "
		"that range are translated on the way out of the network card to the outside, by "
		"one rule in the file that is loaded at boot; the chain that forwards lets them "
		"and their answers through before whatever it drops; the service that loads the "
		"rules is started; of two cards in /etc/sysconfig each has a file, and GATEWAYDEV "
		"names the outer one. What is right stays, what is nearly right is corrected, and "
		"nothing is taken away. Where firewalld or ufw makes the rules, or nothing can "
		"load "
		"any, that is said and nothing is changed. The source/destination check and the "
		"routes in the cloud are not on the volume. Without the option this check says "
		"nothing.",
	.source = "VPC user guide, \"NAT instances\"; iptables(8); nft(8); sysctl.d(5); kernel: "
		  "networking/ip-sysctl; systemd.network(5), networkd.conf(5); sysconfig.txt of "
		  "initscripts (GATEWAYDEV)",
	.rows = "112,113,127,128,129,130,131,132,135",
	.repair = REPAIR_SURE,
	.needs = NEEDS_CLOUD | NEEDS_NAT | NEEDS_CONSOLE,
	.examine = examine,
};
