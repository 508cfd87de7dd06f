/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Firewalls that are not saved rules of iptables: firewalld's XML and its reader, ufw, nftables, NAT. */
#include "checks/xml_small.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/patient.h"

#define DIR "/etc/firewalld/zones"

/* An element stands in the text, behind its parent's start tag and before its parent's end. */
static void expect_in_place(const struct xml *xml, size_t i, size_t len)
{
	const struct xml_element *e = &xml->items[i];
	const struct xml_element *parent = e->parent == XML_NONE ? NULL : &xml->items[e->parent];

	if (e->at >= e->open_end || e->open_end > e->close_at || e->close_at > e->close_end ||
	    e->close_end > len)
		fuzz_broken("<%s> is at %zu to %zu and %zu to %zu of %zu", e->name, e->at,
			    e->open_end, e->close_at, e->close_end, len);
	if (parent &&
	    (e->parent >= i || e->at < parent->open_end || e->close_end > parent->close_at))
		fuzz_broken("<%s> is not in <%s>", e->name, parent->name);
}

static void read_xml(struct tree *tree, const char *name)
{
	cleanup(free) char *path = mem_printf(DIR "/%s", name);
	cleanup(str_done) struct str text = STR_INIT;
	cleanup(xml_done) struct xml xml = { 0 };
	struct err ignored;

	if (tree_read(tree, path, TREE_FILE_MAX, &text, &ignored) < 0)
		return;
	xml_read(&text, &xml);
	for (size_t i = 0; i < xml.count && !xml.problem && !xml.is_odd; i++)
		expect_in_place(&xml, i, text.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const checks_meant[] = { "firewalld-", "ufw-", "nftables-", "nat-",
						    NULL };
	cleanup(patient_done) struct patient patient;
	cleanup(tree_names_done) struct tree_names names = { 0 };
	struct err ignored;

	patient_read(data, size, &patient);
	if (!tree_list(patient.tree, DIR, &names, &ignored))
		vec_foreach (name, &names)
			read_xml(patient.tree, *name);
	patient_law(&patient, checks_meant);
	return 0;
}
