#!/bin/sh
# laplace: pinned refused=prctl
# go, whose own runtime waits in loops if it has several processors: a build from an empty cache, a test, and a program whose goroutines, maps, selects and timers go in any order natively.
PATH=$PATH:/usr/local/go/bin
export PATH GOMAXPROCS=1 GOCACHE=$PWD/cache GOTOOLCHAIN=local GOPROXY=off CGO_ENABLED=0 GOFLAGS=-trimpath
mkdir m && cd m || exit
cat >go.mod <<'end'
module example.com/m

go 1.22
end
cat >main.go <<'end'
package main

import (
	"math/rand"
	"os"
	"runtime"
	"sync"
	"time"
)

// Order says in which order goroutines came, and what else is left to chance.
func Order() (out []int) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if i%3 == 0 {
				runtime.Gosched()
			}
			if i%4 == 0 {
				time.Sleep(time.Duration(i) * time.Microsecond)
			}
			mu.Lock()
			out = append(out, i)
			mu.Unlock()
		}()
	}
	wg.Wait()
	m := map[int]int{}
	for i := range 20 {
		m[i] = i
	}
	for k := range m {
		out = append(out, k)
	}
	a, b := make(chan int, 50), make(chan int, 50)
	for i := range 50 {
		a <- i
		b <- -i
	}
	for range 20 {
		select {
		case v := <-a:
			out = append(out, v)
		case v := <-b:
			out = append(out, v)
		case <-time.After(time.Second):
			return nil
		}
	}
	return append(out, rand.Intn(1000))
}

func main() {
	unlocked := 0
	for range 8 {
		go func() {
			for range 1000 {
				unlocked++
			}
		}()
	}
	for _, v := range Order() {
		print(v, " ")
	}
	start := time.Now()
	<-time.After(50*time.Millisecond)
	println(time.Since(start) >= 50*time.Millisecond, os.Getpid() == os.Getpid())
}
end
cat >main_test.go <<'end'
package main

import "testing"

func TestOrder(t *testing.T) {
	if n := len(Order()); n != 61 {
		t.Fatal(n)
	}
}
end
go build -o prog . && sha256sum prog && GOMAXPROCS=4 ./prog && GOMAXPROCS=4 ./prog && go test -vet=off . | sed 's/\t[0-9.]*s$//'
rm -rf "$GOCACHE"
