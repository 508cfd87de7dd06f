/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/firewalld.h"
#include "fs/lines.h"

#define STEPS_MAX 6u

VEC_TYPE(shut_zones, const struct firewalld_file *);

/* Does anything beside the interface's zone let somebody in: a zone for sources, a policy for what
 * goes to the host, a rule of iptables? */
static bool is_open_otherwise(const struct firewalld *fw, enum firewalld_start start,
			      struct firewalld_ports ports)
{
	struct err ignored = ERR_INIT;
	const struct str *direct = machine_file(fw->machine, "/etc/firewalld/direct.xml", &ignored);
	size_t by;

	if (start == FIREWALLD_SKIPS && direct && strstr(direct->s, "ACCEPT"))
		return true;
	vec_foreach (zone, &fw->zones) {
		bool has_source = false;

		if (firewalld_zone(fw, start, zone->name) != zone)
			continue;
		vec_foreach (element, &zone->xml)
			has_source |= str_eq(element->name, "source") && element->parent == 0;
		if (has_source && firewalld_judge(fw, start, zone, ports, &by) == FIREWALLD_LETS)
			return true;
	}
	vec_foreach (policy, &fw->policies) {
		bool is_to_host = false;

		if (policy->broken || (policy->is_etc && start == FIREWALLD_STOCK))
			continue;
		vec_foreach (element, &policy->xml) {
			const char *name = xml_get(element, "name");

			is_to_host |= str_eq(element->name, "egress-zone") && name &&
				      str_eq(name, "HOST");
		}
		if (is_to_host && firewalld_judge(fw, start, policy, ports, &by) == FIREWALLD_LETS)
			return true;
	}
	return false;
}

/* The zones that the interface may be in, when all of them are shut. False: somebody gets in, or it
 * cannot be told. */
static bool find_shut(const struct firewalld *fw, enum firewalld_start start,
		      const struct ipt_host *host, struct firewalld_ports ports,
		      struct shut_zones *ret)
{
	cleanup(tree_names_done) struct tree_names names = { 0 };

	ret->count = 0;
	if (is_open_otherwise(fw, start, ports))
		return false;
	firewalld_zone_names(fw, host, &names);
	vec_foreach (name, &names) {
		const struct firewalld_file *zone = firewalld_zone(fw, start, *name);
		bool is_known = false;
		size_t by;

		if (!zone || str_eq(*name, fw->default_zone))
			zone = firewalld_default(fw, start);
		if (!zone || firewalld_judge(fw, start, zone, ports, &by) == FIREWALLD_LETS)
			return false;
		vec_foreach (known, ret)
			is_known |= *known == zone;
		if (!is_known)
			vec_push(ret, zone);
	}
	return ret->count > 0;
}

/* --- the repair --------------------------------------------------------------------------- */

/* The service or port as a child of the zone: behind the last such child, else before its end. */
static bool put_in(const struct firewalld_file *zone, const char *new, struct str *into)
{
	const struct xml_element *root = &zone->xml.items[0], *last = NULL;
	const char *text = zone->text->s;
	size_t start, blanks;

	vec_foreach (element, &zone->xml)
		if (element->parent == 0 &&
		    (str_eq(element->name, "service") || str_eq(element->name, "port")))
			last = element;
	if (root->close_at == root->open_end && text[root->open_end - 2] == '/') {
		str_add_bytes(into, text, root->open_end - 2);
		str_addf(into, ">\n  %s\n</%s>", new, root->name);
		str_add_bytes(into, text + root->open_end, zone->text->len - root->open_end);
		return true;
	}
	start = last ? last->at : root->close_at;
	while (start > 0 && text[start - 1] != '\n')
		start--;
	blanks = strspn(text + start, " \t");
	if (last) {
		str_add_bytes(into, text, last->close_end);
		if (start + blanks == last->at) {
			str_add_char(into, '\n');
			str_add_bytes(into, text + start, blanks);
		}
		str_add(into, new);
		str_add_bytes(into, text + last->close_end, zone->text->len - last->close_end);
		return true;
	}
	if (start + blanks != root->close_at)
		start = root->close_at;
	str_add_bytes(into, text, start);
	str_addf(into, start == root->close_at && blanks ? "%s" : "  %s\n", new);
	str_add_bytes(into, text + start, zone->text->len - start);
	return true;
}

/* The element that takes the port away becomes a comment. */
static bool take_out(const struct firewalld_file *zone, size_t index, struct str *into)
{
	const struct xml_element *element = &zone->xml.items[index];
	const char *text = zone->text->s;
	size_t len = element->close_end - element->at;

	if (memmem(text + element->at, len, "--", 2))
		return false;
	str_add_bytes(into, text, element->at);
	str_add(into, "<!-- ec2-rescue: ");
	str_add_bytes(into, text + element->at, len);
	str_add(into, " -->");
	str_add_bytes(into, text + element->close_end, zone->text->len - element->close_end);
	return true;
}

static char *what_to_add(const struct firewalld *fw, uint16_t port)
{
	if (firewalld_service_has(fw, FIREWALLD_SKIPS, "ssh", port, false))
		return mem_strdup("<service name=\"ssh\"/>");
	return mem_printf("<port protocol=\"tcp\" port=\"%u\"/>", port);
}

/* The zone's text with which it lets sshd's clients in. False: there is no way. */
static bool mend(const struct firewalld *fw, const struct firewalld_file *zone,
		 struct firewalld_ports ports, struct str *text)
{
	cleanup(free) char *new = what_to_add(fw, ports.items[0]);

	str_add_bytes(text, zone->text->s, zone->text->len);
	for (unsigned i = 0; i < STEPS_MAX; i++) {
		struct firewalld_file now = { .name = zone->name, .text = text };
		struct str next = STR_INIT;
		size_t by;
		bool is_done, can;

		xml_read(text, &now.xml);
		is_done = now.xml.problem ||
			  firewalld_judge(fw, FIREWALLD_SKIPS, &now, ports, &by) == FIREWALLD_LETS;
		can = !is_done &&
		      (by == XML_NONE ? put_in(&now, new, &next) : take_out(&now, by, &next));
		is_done &= !now.xml.problem;
		xml_done(&now.xml);
		if (!can) {
			str_done(&next);
			return is_done;
		}
		str_done(text);
		*text = next;
	}
	return false;
}

static bool add_edits(const struct firewalld *fw, const struct firewalld_file *zone,
		      struct firewalld_ports ports, struct edits *edits)
{
	static const struct tree_new mode = { .mode = 0644 };
	cleanup(str_done) struct str text = STR_INIT;
	cleanup(free) char *path = NULL;

	if (!mend(fw, zone, ports, &text))
		return false;
	if (zone->is_etc) {
		lines_edit_text(edits, zone->path, zone->text, &text);
		return true;
	}
	path = mem_printf("/etc/firewalld/zones/%s.xml", zone->name);
	edit_create(edits, path, &mode, text.s, text.len);
	return true;
}

/* --- what is said ------------------------------------------------------------------------- */

static bool has_part(const struct xml *xml, size_t index, const char *name, const char *attr)
{
	for (size_t i = index; i < xml->count && (i == index || xml->items[i].parent == index); i++)
		if (str_eq(xml->items[i].name, name) && xml_get(&xml->items[i], attr))
			return true;
	return false;
}

static void report_shut(const struct firewalld *fw, const struct firewalld_file *zone,
			struct firewalld_ports ports, struct findings *out)
{
	const struct machine *m = fw->machine;
	size_t by = XML_NONE;
	const struct xml_element *element;
	struct finding *finding;
	bool is_away;

	firewalld_judge(fw, FIREWALLD_SKIPS, zone, ports, &by);
	element = &zone->xml.items[by == XML_NONE ? 0 : by];
	/* Whoever leads the port to another host may mean it. */
	is_away = by != XML_NONE && has_part(&zone->xml, by, "forward-port", "to-addr");
	finding = finding_add(
		out, SEVERITY_BLOCKS_LOGIN,
		fw->is_contested || is_away ? REPAIR_OFFERED : REPAIR_SURE, "125", zone->path,
		by == XML_NONE ? 0 : element->line,
		"firewalld is started at boot, and its zone %s, in which the network interface is, "
		"lets nobody reach sshd on port %u: %s",
		machine_quote(m, zone->name, strlen(zone->name)), ports.items[0],
		by == XML_NONE ? "no service or port of it is that one"
		: str_eq(element->name, "rule")
			? "this rule turns everybody away before anything lets them in"
			: "this forward-port leads the connections elsewhere");
	if (!add_edits(fw, zone, ports, &finding->edits))
		finding->repair = REPAIR_NONE;
}

/* What is in effect instead of a broken file depends on the version; shut is only what is shut in
 * both ways. */
static void report_refused(const struct firewalld *fw, bool is_shut, uint16_t port,
			   struct findings *out)
{
	const struct firewalld_files *all[] = { &fw->zones, &fw->services, &fw->policies };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		vec_foreach (file, all[i]) {
			if (!file->is_etc || !file->broken)
				continue;
			if (is_shut)
				finding_add(out, SEVERITY_BLOCKS_LOGIN, REPAIR_NONE, "125",
					    file->path, file->broken_line,
					    "firewalld refuses this file (%s), and what it uses "
					    "instead lets nobody reach sshd on port %u",
					    file->broken, port);
			else
				finding_add(
					out, SEVERITY_NOTE, REPAIR_NONE, "125", file->path,
					file->broken_line,
					"firewalld refuses this file (%s): old versions leave it "
					"out, newer ones use nothing of /etc/firewalld at all",
					file->broken);
		}
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	cleanup(ipt_host_facts_done) struct ipt_host_facts facts = { 0 };
	cleanup(firewalld_done) struct firewalld fw = { 0 };
	struct shut_zones shut = { 0 };
	struct firewalld_ports ports;
	bool is_shut;

	if (!firewalld_is_started(machine))
		return 0;
	if (ipt_host_facts(machine, &facts, err) < 0 || firewalld_read(machine, &fw, err) < 0)
		return -1;
	if (!facts.host.port_count)
		return 0;
	ports = (struct firewalld_ports){ facts.host.ports, facts.host.port_count };
	if (fw.is_odd)
		return err_set(err, ERR_COULD_NOT_TELL,
			       "/etc/firewalld holds files that this program does not read");
	is_shut = find_shut(&fw, FIREWALLD_SKIPS, &facts.host, ports, &shut);
	if (fw.is_refused) {
		is_shut = is_shut && find_shut(&fw, FIREWALLD_STOCK, &facts.host, ports, &shut);
		report_refused(&fw, is_shut, ports.items[0], out);
	} else if (is_shut)
		vec_foreach (zone, &shut)
			report_shut(&fw, *zone, ports, out);
	vec_done(&shut);
	return 0;
}

const struct check check_firewalld_ssh = {
	.name = "firewalld-ssh",
	.title = "firewalld's zone lets nobody reach sshd",
	.explain =
		"firewalld turns away what the zone of the interface does not let in. The zones in "
		"which the interface may be (its connection's, that of a zone's file, the default "
		"one) are read as firewalld reads them, services, ports and rich rules included; "
		"zones for sources, policies and direct rules count as well. A fault is claimed "
		"only when no address at all gets in. The repair adds the service ssh, or the "
		"port, "
		"to the zone in /etc/firewalld/zones, made from the vendor's where there is none "
		"yet, and makes a comment of a rule that turns everybody away.",
	.source = "firewalld.zone(5); firewalld.richlanguage(5); firewalld.conf(5); firewalld 1.3, "
		  "core/fw.py",
	.rows = "125",
	.repair = REPAIR_SURE,
	.needs = NEEDS_CLOUD,
	.examine = examine,
};
