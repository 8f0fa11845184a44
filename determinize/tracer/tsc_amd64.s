#include "textflag.h"

// Offsets of saved registers in ucontext_t; sigaction(2), <sys/ucontext.h>.
#define ucRDX 136
#define ucRAX 144
#define ucRCX 152
#define ucRIP 168

// siCode is si_code in siginfo_t; the kernel says SI_KERNEL (0x80) where the
// CPU refused an instruction.
#define siCode 8

// func counterFault()
//
// The handler of SIGSEGV: DI is the signal, SI its siginfo_t, DX its ucontext_t.
// It runs on the signal stack, with no goroutine. rdtsc and rdtscp give 1, on
// processor 0; everything else is for Go's own handler.
TEXT ·counterFault(SB), NOSPLIT|NOFRAME, $0-0
	CMPL	siCode(SI), $0x80
	JNE	other
	MOVQ	ucRIP(DX), AX
	CMPW	(AX), $0x310f // rdtsc is 0f 31
	JEQ	rdtsc
	CMPW	(AX), $0x010f // rdtscp is 0f 01 f9
	JNE	other
	CMPB	2(AX), $0xf9
	JNE	other
	MOVQ	$0, ucRCX(DX)
	INCQ	ucRIP(DX)
rdtsc:
	MOVQ	$1, ucRAX(DX)
	MOVQ	$0, ucRDX(DX)
	ADDQ	$2, ucRIP(DX)
	RET
other:
	MOVQ	·goFault(SB), AX
	JMP	AX

// func counterFaultPC() uintptr
TEXT ·counterFaultPC(SB), NOSPLIT, $0-8
	LEAQ	·counterFault(SB), AX
	MOVQ	AX, ret+0(FP)
	RET
