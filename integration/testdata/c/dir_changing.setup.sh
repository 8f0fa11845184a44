mkdir lower; i=0; while [ $i -lt 500 ]; do : > lower/old-$i; i=$((i+1)); done
