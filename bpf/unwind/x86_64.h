/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* All that unwinding knows of one architecture: x86-64 as Linux and the System V ABI define it. */
#ifndef WAITSCOPE_BPF_UNWIND_X86_64_H
#define WAITSCOPE_BPF_UNWIND_X86_64_H

/* Numbers of the registers in call frame information. */
enum dwarf_register {
	DWARF_RBX = 3,
	DWARF_RDI = 5,
	DWARF_RBP = 6,
	DWARF_RSP = 7,
	DWARF_RIP = 16, /* the return address's column */
};

/* Offsets from rsp in the frame of rt_sigreturn: struct ucontext, whose mcontext is at 40. */
enum signal_frame_offset {
	SIGNAL_FRAME_RBP = 120,
	SIGNAL_FRAME_RBX = 128,
	SIGNAL_FRAME_RSP = 160,
	SIGNAL_FRAME_RIP = 168,
};

/* mov $15, %rax; and the first byte of syscall: what every handler returns to. */
#define CODE_SIGRETURN 0x0f0000000fc0c748ULL

/* The instruction syscall. */
#define CODE_SYSCALL 0x050f

/* add $8, %rsp; ret: behind the call of CPython's perf trampoline, in the low 5 bytes. */
#define CODE_TRAMPOLINE	     0xc308c48348ULL
#define CODE_TRAMPOLINE_MASK 0xffffffffffULL

enum remaking_syscall {
	SYSCALL_CLONE = 56,
	SYSCALL_EXECVE = 59,
	SYSCALL_EXECVEAT = 322,
	SYSCALL_CLONE3 = 435,
};

#endif
