/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The disks as network block devices: what QEMU asks for, what it must not get, and that nothing of it
 * reaches what lies beneath. */
#include "base/file.h"
#include "fs/nbd.h"
#include "unit.h"

#include <endian.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>

#define SIZE (1u << 20)

struct fixture {
	char dir[32];
	char *path;
	struct source *source, *middle;
	struct overlay *lower, *upper;
	struct nbd *nbd;
	int fd;
	char *bytes;
};

static int set_up_with(void **state, uint64_t max_bytes)
{
	struct fixture *f = mem_alloc(sizeof(*f));
	const struct timeval patience = { .tv_sec = 20 };
	struct err err = ERR_INIT;
	int fd;

	strcpy(f->dir, "/tmp/rescue-nbd.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->path = mem_printf("%s/image", f->dir);
	f->bytes = mem_alloc(SIZE);
	for (size_t i = 0; i < SIZE; i++)
		f->bytes[i] = (char)(i * 7 + i / 4096);
	fd = open(f->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(fd_write_all(fd, f->bytes, SIZE), 0);
	close(fd);
	assert_int_equal(source_open(f->path, NULL, SOURCE_EXAMINE, &f->source, &err), 0);
	assert_int_equal(overlay_open(f->source, f->dir, &f->lower, &err), 0);
	assert_int_equal(overlay_pwrite(f->lower, "repaired", 8, 5000, &err), 0);
	memcpy(f->bytes + 5000, "repaired", 8);
	f->middle = overlay_as_source(f->lower);
	assert_int_equal(overlay_open(f->middle, f->dir, &f->upper, &err), 0);
	assert_int_equal(nbd_open(&f->upper, 1, max_bytes, &f->nbd, &err), 0);
	f->fd = nbd_socket(f->nbd, 0);
	setsockopt(f->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	*state = f;
	return 0;
}

static int set_up(void **state)
{
	return set_up_with(state, UINT64_MAX);
}

static int set_up_small(void **state)
{
	return set_up_with(state, 10000);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	nbd_close(f->nbd);
	overlay_close(f->upper);
	source_close(f->middle);
	overlay_close(f->lower);
	source_close(f->source);
	unlink(f->path);
	rmdir(f->dir);
	free(f->path);
	free(f->bytes);
	free(f);
	return 0;
}

static void give(int fd, const void *data, size_t len)
{
	assert_int_equal(send(fd, data, len, MSG_NOSIGNAL), len);
}

static void take(int fd, void *data, size_t len)
{
	assert_int_equal(recv(fd, data, len, MSG_WAITALL), len);
}

struct option {
	uint64_t magic;
	uint32_t option, len;
} __attribute__((packed));

struct option_reply {
	uint64_t magic;
	uint32_t option, type, len;
} __attribute__((packed));

static void ask_option(int fd, uint32_t option, const void *data, uint32_t len,
		       struct option_reply *ret)
{
	struct option head = { htobe64(0x49484156454f5054ull), htobe32(option), htobe32(len) };

	give(fd, &head, sizeof(head));
	if (len)
		give(fd, data, len);
	take(fd, ret, sizeof(*ret));
	assert_int_equal(be64toh(ret->magic), 0x3e889045565a9ull);
	assert_int_equal(be32toh(ret->option), option);
}

/* As QEMU does: structured replies are asked for and refused, then GO. */
static void negotiate(int fd)
{
	char hello[18], info[12], name[6] = { 0 };
	uint32_t flags = htobe32(3);
	struct option_reply reply;
	uint64_t size;

	take(fd, hello, sizeof(hello));
	assert_memory_equal(hello, "NBDMAGICIHAVEOPT", 16);
	give(fd, &flags, sizeof(flags));
	ask_option(fd, 8, NULL, 0, &reply);
	assert_int_equal(be32toh(reply.type), 0x80000001u);
	ask_option(fd, 7, name, sizeof(name), &reply);
	assert_int_equal(be32toh(reply.type), 3);
	assert_int_equal(be32toh(reply.len), sizeof(info));
	take(fd, info, sizeof(info));
	memcpy(&size, info + 2, sizeof(size));
	assert_int_equal(be64toh(size), SIZE);
	take(fd, &reply, sizeof(reply));
	assert_int_equal(be32toh(reply.type), 1);
}

struct request {
	uint32_t magic;
	uint16_t flags, type;
	uint64_t cookie, at;
	uint32_t len;
} __attribute__((packed));

/* The error of the reply. */
static uint32_t ask(int fd, uint16_t type, uint64_t at, uint32_t len, const void *data)
{
	static uint64_t cookie = 77;
	struct request head = { htobe32(0x25609513u), 0,	   htobe16(type), ++cookie,
				htobe64(at),	      htobe32(len) };
	struct {
		uint32_t magic, error;
		uint64_t cookie;
	} __attribute__((packed)) reply;

	give(fd, &head, sizeof(head));
	if (data)
		give(fd, data, len);
	take(fd, &reply, sizeof(reply));
	assert_int_equal(be32toh(reply.magic), 0x67446698u);
	assert_int_equal(reply.cookie, cookie);
	return be32toh(reply.error);
}

static void reads_what_is_shown_and_writes_above_it(void **state)
{
	struct fixture *f = *state;
	cleanup(free) char *got = mem_alloc(SIZE), *zeroes = mem_alloc(SIZE);
	struct err err = ERR_INIT;

	negotiate(f->fd);
	assert_int_equal(ask(f->fd, 0, 0, SIZE, NULL), 0);
	take(f->fd, got, SIZE);
	assert_memory_equal(got, f->bytes, SIZE);
	assert_int_equal(ask(f->fd, 1, 4990, 13, "written above"), 0);
	assert_int_equal(ask(f->fd, 6, 8192, 300000, NULL), 0);
	assert_int_equal(ask(f->fd, 3, 0, 0, NULL), 0);
	assert_int_equal(ask(f->fd, 4, 0, 4096, NULL), 0);
	assert_int_equal(ask(f->fd, 0, 4990, 18, NULL), 0);
	take(f->fd, got, 18);
	assert_memory_equal(got, "written above", 13);
	assert_memory_equal(got + 13, "aired", 5);
	assert_int_equal(ask(f->fd, 0, 8192, 300000, NULL), 0);
	take(f->fd, got, 300000);
	assert_memory_equal(got, zeroes, 300000);
	/* What lies beneath is as it was, and so is the image. */
	assert_int_equal(overlay_pread(f->lower, got, SIZE, 0, &err), 0);
	assert_memory_equal(got, f->bytes, SIZE);
	assert_int_equal(overlay_changed_count(f->lower), 1);
	assert_int_equal(source_pread(f->source, got, 8, 5000, &err), 0);
	assert_memory_not_equal(got, "repaired", 8);
}

static void refuses_what_is_past_the_end(void **state)
{
	struct fixture *f = *state;
	char byte;

	negotiate(f->fd);
	assert_int_not_equal(ask(f->fd, 0, SIZE, 1, NULL), 0);
	assert_int_not_equal(ask(f->fd, 0, UINT64_MAX, 4096, NULL), 0);
	assert_int_not_equal(ask(f->fd, 0, 0, 0xffffffffu, NULL), 0);
	assert_int_not_equal(ask(f->fd, 1, SIZE - 1, 2, "xx"), 0);
	assert_int_not_equal(ask(f->fd, 6, 4096, 0xffffffffu, NULL), 0);
	assert_int_not_equal(ask(f->fd, 99, 0, 0, NULL), 0);
	assert_int_equal(ask(f->fd, 0, SIZE - 1, 1, NULL), 0); /* it goes on */
	take(f->fd, &byte, 1);
	assert_int_equal(byte, f->bytes[SIZE - 1]);
}

static void has_no_room_for_everything(void **state)
{
	struct fixture *f = *state;
	cleanup(free) char *data = mem_alloc(8000);

	negotiate(f->fd);
	assert_int_equal(ask(f->fd, 1, 0, 8000, data), 0);
	assert_int_equal(ask(f->fd, 1, 8000, 8000, data), ENOSPC);
	assert_int_equal(ask(f->fd, 1, 8000, 100, data), 0);
}

static void hangs_up_on_nonsense(void **state)
{
	struct fixture *f = *state;
	char hello[18], nonsense[28] = "what is this supposed to be";
	uint32_t flags = 0;

	take(f->fd, hello, sizeof(hello));
	give(f->fd, &flags, sizeof(flags));
	give(f->fd, nonsense, sizeof(nonsense));
	assert_true(recv(f->fd, hello, 1, 0) <= 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reads_what_is_shown_and_writes_above_it, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(refuses_what_is_past_the_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(has_no_room_for_everything, set_up_small,
						tear_down),
		cmocka_unit_test_setup_teardown(hangs_up_on_nonsense, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
