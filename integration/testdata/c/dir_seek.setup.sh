mkdir d; i=0; while [ $i -lt 150 ]; do : > d/file-$i; i=$((i+1)); done
