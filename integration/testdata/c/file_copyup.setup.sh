for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo "original $i" > f$i; chmod 640 f$i; done; mkdir -p deep/er/still; echo deep > deep/er/still/f; chmod 750 deep/er; chmod 500 f12; touch -d @1111111111 f*
