// A program whose functions the symbol tests look up. Prints "NAME ADDRESS" of each, then waits
// until its input is closed.
package main

import (
	"fmt"
	"os"
	"reflect"
	"runtime/debug"
)

type sample struct{ value int }

//go:noinline
func (s *sample) Alpha(by int) int { return s.value*3 + by }

//go:noinline
func beta(text string, by int) int { return int(text[0]) + by }

func show(name string, function any) {
	fmt.Printf("%s %x\n", name, reflect.ValueOf(function).Pointer())
}

func main() {
	show("main.(*sample).Alpha", (*sample).Alpha)
	show("main.beta", beta)
	show("runtime/debug.FreeOSMemory", debug.FreeOSMemory)
	os.Stdin.Read(make([]byte, 1))
	os.Exit((&sample{1}).Alpha(1) + beta("x", 1))
}
