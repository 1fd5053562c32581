/*
 * cycles.c - a TCG plugin for QEMU that estimates the cycles of a Cortex-M4 between the calls of the guest's functions
 * measure_begin and measure_end. One line for each pair goes to standard error: "estimate LOW HIGH".
 *
 * The model: arithmetic, multiplication and store one cycle; load one (low: all loads pipelined) or two (high: none);
 * load or store of n registers 1 + n; a taken branch two more; division six. No wait states. Not measured on hardware.
 *
 * Debian's QEMU has plugins enabled but comes without qemu-plugin.h, so what is used of it is declared here: version 1
 * of the interface, of QEMU 6 to 8.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef uint64_t plugin_id;
typedef void (*translated)(plugin_id, struct qemu_plugin_tb *);
typedef void (*executed)(unsigned core, void *data);

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, translated callback);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *block, executed callback, int flags, void *data);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *instruction, executed callback, int flags,
                                            void *data);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *instruction, int operation, void *counter,
                                                uint64_t value);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *block);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *instruction);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *instruction);
char *qemu_plugin_insn_disas(const struct qemu_plugin_insn *instruction);
const char *qemu_plugin_insn_symbol(const struct qemu_plugin_insn *instruction);

EXPORT int qemu_plugin_version = 1;

/* Cycles of what was executed: without waiting for loads, loads, and blocks that were entered by a branch. */
static uint64_t cycles, loads, entered;
static uint64_t cycles_before, loads_before, entered_before;
static uint64_t block_end; /* address behind the block that was executed last */

/* Whether a disassembled instruction starts with one of some words. */
static bool starts(const char *text, const char *const words[])
{
    for (; *words != NULL; words++) {
        if (strncmp(text, *words, strlen(*words)) == 0) {
            return true;
        }
    }
    return false;
}

/* Registers in a list in braces. */
static uint64_t registers(const char *text)
{
    uint64_t count = 1;
    for (const char *p = strchr(text, '{'); p != NULL && *p != '\0' && *p != '}'; p++) {
        count += *p == ',';
    }
    return count;
}

/* Cycles of an instruction, taken branches and waiting for single loads aside. */
static uint64_t cycles_of(const char *text, bool *is_load)
{
    static const char *const many[] = {"ldm", "stm", "push", "pop", NULL};
    static const char *const twice[] = {"ldrd", "strd", NULL};
    static const char *const divide[] = {"sdiv", "udiv", NULL};
    static const char *const load[] = {"ldr", "vldr", NULL};
    *is_load = false;
    if (starts(text, many)) {
        return 1 + registers(text);
    }
    if (starts(text, twice)) {
        return 3;
    }
    if (starts(text, divide)) {
        return 6;
    }
    *is_load = starts(text, load);
    return 1;
}

static void begin(unsigned core, void *data)
{
    (void)core;
    (void)data;
    cycles_before = cycles;
    loads_before = loads;
    entered_before = entered;
}

static void end(unsigned core, void *data)
{
    (void)core;
    (void)data;
    const uint64_t low = cycles - cycles_before + 2 * (entered - entered_before);
    const uint64_t high = low + loads - loads_before;
    fprintf(stderr, "estimate %llu %llu\n", (unsigned long long)low, (unsigned long long)high);
}

/* A block that does not follow the one before was entered by a branch. */
static void block_executed(unsigned core, void *data)
{
    (void)core;
    const uint64_t *const range = data;
    entered += range[0] != block_end;
    block_end = range[1];
}

static void block_translated(plugin_id id, struct qemu_plugin_tb *block)
{
    (void)id;
    const size_t n = qemu_plugin_tb_n_insns(block);
    struct qemu_plugin_insn *const last = qemu_plugin_tb_get_insn(block, n - 1);
    uint64_t *const range = malloc(2 * sizeof *range); /* lives as long as the block, that is, to the end */
    if (range == NULL) {
        abort();
    }
    range[0] = qemu_plugin_tb_vaddr(block);
    range[1] = qemu_plugin_insn_vaddr(last) + qemu_plugin_insn_size(last);
    qemu_plugin_register_vcpu_tb_exec_cb(block, block_executed, 0, range);
    for (size_t i = 0; i < n; i++) {
        struct qemu_plugin_insn *const instruction = qemu_plugin_tb_get_insn(block, i);
        const char *const symbol = i == 0 ? qemu_plugin_insn_symbol(instruction) : NULL;
        if (symbol != NULL && strcmp(symbol, "measure_begin") == 0) {
            qemu_plugin_register_vcpu_insn_exec_cb(instruction, begin, 0, NULL);
        } else if (symbol != NULL && strcmp(symbol, "measure_end") == 0) {
            qemu_plugin_register_vcpu_insn_exec_cb(instruction, end, 0, NULL);
        }
        char *const text = qemu_plugin_insn_disas(instruction);
        bool is_load;
        qemu_plugin_register_vcpu_insn_exec_inline(instruction, 0, &cycles, cycles_of(text, &is_load));
        if (is_load) {
            qemu_plugin_register_vcpu_insn_exec_inline(instruction, 0, &loads, 1);
        }
        free(text);
    }
}

EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
    (void)info;
    (void)argc;
    (void)argv;
    qemu_plugin_register_vcpu_tb_trans_cb(id, block_translated);
    return 0;
}
