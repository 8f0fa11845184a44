i=0; while [ $i -lt 20000 ]; do echo "line $i"; i=$((i+1)); done > lower
