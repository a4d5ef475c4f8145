// Goroutines that keep their threads while they wait, and the run time's own threads.
package main

import (
	"os"
	"runtime"
	"syscall"
	"unsafe"
)

//go:noinline
func sleepHere() {
	length := syscall.Timespec{Nsec: 2000000}
	syscall.Nanosleep(&length, nil)
}

//go:noinline
func descend(left int) int {
	if left == 0 {
		sleepHere()
		return 1
	}
	return descend(left-1)*3 + 1
}

//go:noinline
func waitInRead(file int) int {
	var byte [1]byte
	count, _ := syscall.Read(file, byte[:])
	return count + 1
}

type waiter interface{ wait() int }

type recursion struct{ depth int }

//go:noinline
func (r recursion) wait() int { return descend(r.depth) + 1 }

type pipe struct{ file int }

//go:noinline
func (p pipe) wait() int { return waitInRead(p.file) + 1 }

func nameThread(name string) {
	text := append([]byte(name), 0)
	const setName = 15
	syscall.RawSyscall(syscall.SYS_PRCTL, setName, uintptr(unsafe.Pointer(&text[0])), 0)
}

func repeat(name string, w waiter) {
	runtime.LockOSThread()
	nameThread(name)
	for {
		w.wait()
	}
}

func main() {
	var ends [2]int
	if syscall.Pipe(ends[:]) != nil {
		os.Exit(1)
	}
	go repeat("sleeper", recursion{20})
	go repeat("reader", pipe{ends[0]})
	go repeat("deep", recursion{150})
	writer, byte := ends[1], []byte{1}
	for {
		sleepHere()
		syscall.Write(writer, byte)
	}
}
