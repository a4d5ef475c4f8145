// A lightly loaded HTTP server in Go, which asks itself.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

func ask(url string) {
	for {
		if response, err := http.Get(url); err == nil {
			response.Body.Close()
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	http.HandleFunc("/", func(writer http.ResponseWriter, _ *http.Request) {
		time.Sleep(3 * time.Millisecond)
		fmt.Fprint(writer, "ok")
	})
	go http.Serve(listener, nil)
	for i := 0; i < 4; i++ {
		go ask("http://" + listener.Addr().String() + "/")
	}
	fmt.Printf("ready %d\n", os.Getpid())
	select {}
}
