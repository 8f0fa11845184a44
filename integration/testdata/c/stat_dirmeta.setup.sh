mkdir lower; i=0; while [ $i -lt 300 ]; do : > lower/a-rather-long-name-$i; i=$((i+1)); done; mkdir lower/sub lower/sub2
