mkdir lower; i=0; while [ $i -lt 60 ]; do echo $i > lower/f$i; i=$((i+1)); done; mkdir lower/d; ln lower/f1 lower/d/hard; ln -s f2 lower/sym
