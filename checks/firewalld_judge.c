/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/firewalld.h"

/* One port of one zone. */
struct judge {
	const struct firewalld *fw;
	enum firewalld_start start;
	const struct firewalld_file *file;
	uint16_t port;
	struct firewalld_ports ports; /* all on which sshd listens */
};

static const char *get(const struct xml_element *element, const char *name)
{
	const char *value = xml_get(element, name);

	return value ? value : "";
}

static bool is_protocol(const char *text, bool unknown)
{
	if (str_eq(text, "tcp") || str_eq(text, "6") || str_eq(text, "all") || str_eq(text, "0"))
		return true;
	return unknown && !str_eq(text, "udp") && !str_eq(text, "sctp") && !str_eq(text, "dccp") &&
	       !str_eq(text, "icmp") && !str_eq(text, "ipv6-icmp") && !str_eq(text, "esp") &&
	       !str_eq(text, "ah") && !str_eq(text, "gre") && !str_eq(text, "igmp") &&
	       !str_eq(text, "vrrp");
}

/* Is a connection to the port what this element speaks of? When that is not known: `unknown`. */
static bool covers(const struct judge *j, const struct xml_element *element, bool unknown)
{
	if (str_eq(element->name, "service"))
		return firewalld_service_has(j->fw, j->start, get(element, "name"), j->port,
					     unknown);
	if (str_eq(element->name, "port"))
		return is_protocol(get(element, "protocol"), unknown) &&
		       firewalld_port_in(get(element, "port"), j->port, unknown);
	if (str_eq(element->name, "protocol"))
		return is_protocol(get(element, "value"), unknown);
	if (str_eq(element->name, "source-port"))
		return unknown && is_protocol(get(element, "protocol"), unknown);
	return false;
}

/* Where a forward-port sends our port: away, to another port of sshd's, or not at all. */
enum forward { NOT_OURS, AWAY, HERE };
static enum forward forward_of(const struct judge *j, const struct xml_element *element)
{
	const char *to_port = get(element, "to-port");
	bool is_ours = str_eq(get(element, "protocol"), "tcp") &&
		       firewalld_port_in(get(element, "port"), j->port, false);
	bool is_here = false;

	if (*get(element, "to-addr"))
		return is_ours ? AWAY : NOT_OURS;
	for (size_t i = 0; i < j->ports.count; i++)
		is_here |= firewalld_port_in(*to_port ? to_port : get(element, "port"),
					     j->ports.items[i], true);
	if (is_here)
		return HERE;
	return is_ours ? AWAY : NOT_OURS;
}

/* --- rich rules --------------------------------------------------------------------------- */

struct rich {
	long priority;
	bool accepts, drops; /* at least somebody; certainly everybody */
	bool forwards_here, is_away;
};

static void read_part(const struct judge *j, const struct xml_element *part, struct rich *rich,
		      bool *may_cover, bool *must_cover, bool *has_subject)
{
	static const char *const subjects[] = { "service",     "port",	       "protocol",
						"source-port", "icmp-block",   "icmp-type",
						"masquerade",  "tcp-mss-clamp" };

	for (size_t i = 0; i < ARRAY_LEN(subjects); i++)
		if (str_eq(part->name, subjects[i])) {
			*has_subject = true;
			*may_cover = covers(j, part, true);
			*must_cover = covers(j, part, false);
		}
	if (str_eq(part->name, "forward-port")) {
		enum forward to = forward_of(j, part);

		*has_subject = true;
		*may_cover = *must_cover = false;
		rich->forwards_here |= to == HERE;
		rich->is_away |= to == AWAY;
	}
}

/* The rule at `index` and what is in it. */
static struct rich read_rich(const struct judge *j, size_t index)
{
	const struct xml *xml = &j->file->xml;
	const struct xml_element *rule = &xml->items[index];
	struct rich rich = { .priority = strtol(get(rule, "priority"), NULL, 10) };
	bool may_cover = true, must_cover = true, has_subject = false, is_for_all = true;
	bool accepts = false, drops = false;

	for (size_t i = index + 1; i < xml->count && xml->items[i].at < rule->close_at; i++) {
		const struct xml_element *part = &xml->items[i];

		if (part->parent != index) {
			is_for_all &= !str_eq(part->name, "limit") ||
				      str_eq(xml->items[part->parent].name, "log") ||
				      str_eq(xml->items[part->parent].name, "audit");
			continue;
		}
		read_part(j, part, &rich, &may_cover, &must_cover, &has_subject);
		if (str_eq(part->name, "source"))
			is_for_all &= str_eq(get(part, "address"), "0.0.0.0/0") &&
				      !xml_get(part, "invert");
		is_for_all &= !str_eq(part->name, "destination");
		accepts |= str_eq(part->name, "accept");
		drops |= str_eq(part->name, "drop") || str_eq(part->name, "reject");
	}
	is_for_all &= !str_eq(get(rule, "family"), "ipv6");
	rich.accepts = accepts && may_cover;
	rich.drops = drops && !accepts && must_cover && is_for_all;
	rich.is_away &= is_for_all;
	return rich;
}

/* --- a zone ------------------------------------------------------------------------------- */

#define NO_PRIORITY 100000

/* What drops for everybody, first. */
static long first_drop(const struct judge *j, size_t *ret_by)
{
	long first = NO_PRIORITY;

	*ret_by = XML_NONE;
	for (size_t i = 1; i < j->file->xml.count; i++) {
		struct rich rich;

		if (!str_eq(j->file->xml.items[i].name, "rule"))
			continue;
		rich = read_rich(j, i);
		if (!rich.drops || rich.priority >= first)
			continue;
		first = rich.priority;
		*ret_by = i;
	}
	return first;
}

/* Does something come before the rule that drops, or beside it in an order that is not sure? Within
 * priority 0, drops come before accepts. */
static bool is_let_in(const struct judge *j, long drop)
{
	const struct xml *xml = &j->file->xml;
	const char *target = get(&xml->items[0], "target");

	for (size_t i = 1; i < xml->count; i++) {
		const struct xml_element *element = &xml->items[i];

		if (element->parent == 0 && str_eq(element->name, "rule")) {
			struct rich rich = read_rich(j, i);

			if (rich.accepts &&
			    (rich.priority < drop || (rich.priority == drop && drop != 0)))
				return true;
		} else if (element->parent == 0 && drop > 0 && covers(j, element, true))
			return true;
	}
	return str_eq(target, "ACCEPT") && drop == NO_PRIORITY;
}

/* Some other port leads to one of sshd's. */
static bool is_led_here(const struct judge *j)
{
	const struct xml *xml = &j->file->xml;

	for (size_t i = 1; i < xml->count; i++) {
		const struct xml_element *element = &xml->items[i];

		if (element->parent == 0 && str_eq(element->name, "forward-port") &&
		    forward_of(j, element) == HERE)
			return true;
		if (element->parent == 0 && str_eq(element->name, "rule") &&
		    read_rich(j, i).forwards_here)
			return true;
	}
	return false;
}

/* A forward-port for everybody that takes our port away: what the zone accepts never meets it. */
static size_t find_away(const struct judge *j)
{
	const struct xml *xml = &j->file->xml;

	for (size_t i = 1; i < xml->count; i++) {
		const struct xml_element *element = &xml->items[i];

		if (element->parent != 0)
			continue;
		if (str_eq(element->name, "forward-port") && forward_of(j, element) == AWAY)
			return i;
		if (str_eq(element->name, "rule") && read_rich(j, i).is_away)
			return i;
	}
	return XML_NONE;
}

enum firewalld_verdict firewalld_judge(const struct firewalld *fw, enum firewalld_start start,
				       const struct firewalld_file *file,
				       struct firewalld_ports ports, size_t *ret_by)
{
	*ret_by = XML_NONE;
	if (file->xml.is_odd || !file->xml.count)
		return FIREWALLD_LETS;
	for (size_t i = 0; i < ports.count; i++) {
		struct judge j = { fw, start, file, ports.items[i], ports };
		size_t away = find_away(&j), by;
		long drop = first_drop(&j, &by);

		if (is_led_here(&j) || (away == XML_NONE && is_let_in(&j, drop)))
			return FIREWALLD_LETS;
		if (*ret_by == XML_NONE)
			*ret_by = away != XML_NONE ? away : by;
	}
	return FIREWALLD_SHUT;
}
