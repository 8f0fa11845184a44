#!/bin/sh
# An exec that goes on when others change what it has left: its record says what it left.
busy() { i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done; }
sh -c '>f1; echo x; i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done' | sh -c 'read x; exec rm f1'
sh -c 'echo one >f2; echo x; i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done' | sh -c 'read x; echo two >>f2'
sh -c '>f3; echo x; i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done' | sh -c 'read x; exec chmod 600 f3'
sh -c 'mkdir d; echo y >d/y; echo x; i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done' | sh -c 'read x; exec mv d e'
exec 3>log; (busy; exec true) & (exec mv log log2) & wait
